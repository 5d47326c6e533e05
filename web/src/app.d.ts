import type { Probe } from '$lib/room/probe';

declare global {
  interface Window {
    /** What end-to-end tests may look at; see `$lib/room/probe`. */
    __roomtone?: Probe;
  }
}

export {};
