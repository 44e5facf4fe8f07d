/** The storage chunk: a file of its own, so that bundlers load it after the page. Events wait in memory until it is there. */

export { memoryStore, openLevelStore } from '@chorale/shared/adapters/browser';
