// What runs inside the page before the app does: it keeps the app's peer connections and socket messages in reach,
// measures what they receive, and can make the browser disobey.

/** Installed at the start of every document. Self-contained: it is sent to the browser as text. */
export function installProbe() {
	const probe = { connections: [], messages: [], hostile: false };
	window.__probe = probe;

	const Connection = window.RTCPeerConnection;
	window.RTCPeerConnection = class extends Connection {
		constructor(...args) {
			super(...args);
			probe.connections.push(this);
		}
	};
	// A browser made to keep sending: whatever the app does to stop, nothing happens.
	const disarm = (prototype, method) => {
		const original = prototype[method];
		prototype[method] = function (...args) {
			return probe.hostile ? undefined : original.apply(this, args);
		};
	};
	disarm(Connection.prototype, 'close');
	disarm(Connection.prototype, 'removeTrack');
	disarm(MediaStreamTrack.prototype, 'stop');
	disarm(RTCRtpSender.prototype, 'replaceTrack');
	disarm(RTCRtpSender.prototype, 'setParameters');
	if (window.RTCRtpTransceiver?.prototype.stop) disarm(RTCRtpTransceiver.prototype, 'stop');
	const enabled = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, 'enabled');
	Object.defineProperty(MediaStreamTrack.prototype, 'enabled', {
		...enabled,
		set(value) {
			if (!probe.hostile) enabled.set.call(this, value);
		}
	});

	// A browser that can neither ask for lost packets nor send them twice: it offers neither NACK nor RED.
	const post = window.fetch;
	window.fetch = (address, options) => {
		const offer = typeof options?.body === 'string' && options.body.startsWith('v=0');
		if (!offer || !sessionStorage.getItem('plain')) return post(address, options);
		const red = /^a=rtpmap:(\d+) red\/.*$/m.exec(options.body)?.[1];
		const body = options.body
			.split('\r\n')
			.filter((line) => !/^a=rtcp-fb:\d+ nack/.test(line) && !(red && line.match(`^a=(rtpmap|fmtp):${red} `)))
			.map((line) => (red && line.startsWith('m=') ? line.replace(` ${red}`, '') : line))
			.join('\r\n');
		return post(address, { ...options, body });
	};

	const Socket = window.WebSocket;
	window.WebSocket = class extends Socket {
		constructor(...args) {
			super(...args);
			this.addEventListener('message', ({ data }) => {
				// The newest 2,000: enough for any suite, and the page does not grow.
				if (typeof data === 'string') probe.messages.push({ at: Date.now(), ...JSON.parse(data) });
				if (probe.messages.length > 2_000) probe.messages.shift();
			});
		}
	};

	const sends = (connection) => connection.getTransceivers().some((one) => one.currentDirection === 'sendonly');
	const receives = (connection) => connection.getTransceivers().some((one) => one.currentDirection === 'recvonly');
	const living = (connection) => connection.connectionState !== 'closed' && connection.connectionState !== 'failed';
	probe.listening = () => probe.connections.findLast((one) => living(one) && receives(one));
	probe.publishing = () => probe.connections.findLast((one) => sends(one));

	/** By which protocol a connection has come to run, `udp` or `tcp`. */
	probe.protocol = async (connection) => {
		const stats = await connection?.getStats();
		const transport = [...(stats?.values() ?? [])].find((stat) => stat.type === 'transport');
		return stats?.get(stats.get(transport?.selectedCandidatePairId)?.remoteCandidateId)?.protocol;
	};

	let context;
	const analysers = new WeakMap();
	const analyser = (track) => {
		if (!analysers.has(track)) {
			context ??= new AudioContext();
			void context.resume();
			const node = context.createAnalyser();
			node.fftSize = 8192;
			node.smoothingTimeConstant = 0.3;
			context.createMediaStreamSource(new MediaStream([track])).connect(node);
			analysers.set(track, node);
		}
		return analysers.get(track);
	};

	/** Each voice slot now: whose it is (CSRC of the newest packet) and that packet's RTP time, packets so far, lost for
	 * good, and when the last one came (ms), samples played, made up for missing packets, and of these silent ones, energy
	 * so far, loudness and strongest frequency (Hz). */
	probe.slots = async () => {
		const listening = probe.listening();
		if (!listening) return [];
		const slots = [];
		for (const receiver of listening.getReceivers()) {
			const sources = receiver.getContributingSources();
			const newest = sources.reduce((a, b) => (a && a.timestamp >= b.timestamp ? a : b), null);
			const slot = { csrc: newest?.source ?? null, rtp: newest?.rtpTimestamp ?? null, packets: 0, lastAt: null, energy: 0, lost: 0, samples: 0, concealed: 0, silent: 0, nacks: 0 };
			for (const stat of (await receiver.getStats()).values()) {
				if (stat.type !== 'inbound-rtp') continue;
				slot.packets += stat.packetsReceived ?? 0;
				slot.lost += stat.packetsLost ?? 0;
				slot.samples += stat.totalSamplesReceived ?? 0;
				slot.concealed += stat.concealedSamples ?? 0;
				slot.silent += stat.silentConcealedSamples ?? 0;
				slot.nacks += stat.nackCount ?? 0;
				slot.energy += stat.totalAudioEnergy ?? 0;
				slot.lastAt = stat.lastPacketReceivedTimestamp ?? null;
			}
			const node = analyser(receiver.track);
			const wave = new Float32Array(node.fftSize);
			node.getFloatTimeDomainData(wave);
			slot.rms = Math.sqrt(wave.reduce((sum, x) => sum + x * x, 0) / wave.length);
			const spectrum = new Float32Array(node.frequencyBinCount);
			node.getFloatFrequencyData(spectrum);
			let strongest = 1;
			for (let i = 2; i < spectrum.length; i++) if (spectrum[i] > spectrum[strongest]) strongest = i;
			slot.hz = (strongest * node.context.sampleRate) / node.fftSize;
			slots.push(slot);
		}
		return slots;
	};

	/** Packets the browser has sent on its newest publish leg, and that leg's state. */
	probe.sent = async () => {
		const publishing = probe.publishing();
		if (!publishing) return null;
		let packets = 0;
		for (const stat of (await publishing.getStats()).values()) {
			if (stat.type === 'outbound-rtp') packets += stat.packetsSent;
		}
		return { packets, state: publishing.connectionState };
	};
}
