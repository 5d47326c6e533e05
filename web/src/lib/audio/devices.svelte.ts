/** Which microphone and which loudspeaker: the lists of the browser and the member's choice, kept on this device. */

const KEYS = { input: 'roomtone.input', output: 'roomtone.output' } as const;

export interface Device {
  id: string;
  /** Empty until the member has allowed a microphone. */
  label: string;
}

class Devices {
  inputs = $state<Device[]>([]);
  outputs = $state<Device[]>([]);
  /** Device ids; '' is the system's choice. */
  input = $state(stored('input'));
  output = $state(stored('output'));
  /** Whether this browser can choose an output at all. */
  readonly canChooseOutput =
    typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;

  /** Reads the lists anew. */
  async refresh(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind: MediaDeviceKind) =>
      all
        .filter((device) => device.kind === kind && device.deviceId !== '' && device.deviceId !== 'default')
        .map((device) => ({ id: device.deviceId, label: device.label }));
    this.inputs = of('audioinput');
    this.outputs = of('audiooutput');
  }

  choose(kind: 'input' | 'output', id: string): void {
    this[kind] = id;
    try {
      localStorage.setItem(KEYS[kind], id);
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
  }

  /**
   * Opens the chosen microphone with echo cancellation, or any other when the chosen one is gone. Rejects with the
   * browser's `DOMException` (`NotAllowedError`, `NotFoundError`, ...).
   */
  async openMicrophone(): Promise<MediaStream> {
    if (!navigator.mediaDevices) throw new DOMException('no secure context', 'SecurityError');
    const device = this.input === '' ? {} : { deviceId: { ideal: this.input } };
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
        ...device,
      },
    });
    // Names of devices are told only now.
    void this.refresh();
    return stream;
  }
}

export const devices = new Devices();

function stored(kind: 'input' | 'output'): string {
  try {
    return localStorage.getItem(KEYS[kind]) ?? '';
  } catch {
    return '';
  }
}
