/** Which microphone and which loudspeaker: the lists of the browser and the member's choice, kept on this device. */

const KEYS = { input: 'roomtone.input', output: 'roomtone.output', music: 'roomtone.music' } as const;

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
  /** Whether the microphone is sent as it is, for music. */
  music = $state(stored('music') === 'true');
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
    this.keep(kind, id);
  }

  chooseMusic(on: boolean): void {
    this.music = on;
    this.keep('music', String(on));
  }

  private keep(kind: keyof typeof KEYS, value: string): void {
    try {
      localStorage.setItem(KEYS[kind], value);
    } catch {
      // Storage can be refused; the choice then lasts until the page is closed.
    }
  }

  /**
   * Opens the chosen microphone with echo cancellation (without any processing in music mode), or any other when the chosen one is gone. Rejects with the
   * browser's `DOMException` (`NotAllowedError`, `NotFoundError`, ...).
   */
  async openMicrophone(): Promise<MediaStream> {
    if (!navigator.mediaDevices) throw new DOMException('no secure context', 'SecurityError');
    const device = this.input === '' ? {} : { deviceId: { ideal: this.input } };
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: !this.music,
        noiseSuppression: !this.music,
        autoGainControl: !this.music,
        channelCount: this.music ? 2 : 1,
        ...device,
      },
    });
    // Names of devices are told only now.
    void this.refresh();
    return stream;
  }
}

export const devices = new Devices();

function stored(kind: keyof typeof KEYS): string {
  try {
    return localStorage.getItem(KEYS[kind]) ?? '';
  } catch {
    return '';
  }
}
