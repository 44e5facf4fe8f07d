/** Where and in which dialect devices and coordinator meet. */

export const wireVersion = 'chorale/1';
export const apiPath = '/api/v1';
export const socketPath = '/api/v1/socket';
export const socketNamespace = '/devices';
