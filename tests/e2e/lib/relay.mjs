// `crowd relay` between a browser and the server's media ports: it loses, delays, blocks and moves. The page is made to
// take the relay for the server by changing the candidates of each answer on their way into the browser.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { check, program, save, within } from './harness.mjs';
import { MEDIA_ADDRESS, MEDIA_THREADS } from './server.mjs';

export class Relay {
	#answers = [];
	#waiting = [];
	#errors = '';

	/** Lays a relay to the media ports of `server`; without `tcp` nothing goes round it over TCP. `seed` is where its dice start. */
	static async lay(server, { tcp = true, seed = 1 } = {}) {
		const relay = new Relay();
		relay.tcp = tcp;
		const ports = Array.from({ length: MEDIA_THREADS }, (_, i) => server.mediaPort + i);
		const to = ports.flatMap((port) => ['--to', `${MEDIA_ADDRESS}:${port}`]);
		relay.child = spawn(program('crowd', 'CROWD_BIN'), ['relay', '--seed', String(seed), ...to], { stdio: ['pipe', 'pipe', 'pipe'] });
		createInterface({ input: relay.child.stdout }).on('line', (line) => {
			const answer = JSON.parse(line);
			const next = relay.#waiting.shift();
			if (next) next(answer);
			else relay.#answers.push(answer);
		});
		relay.child.stderr.on('data', (chunk) => (relay.#errors += chunk));
		relay.child.stdin.on('error', () => {});
		({ ways: relay.ways } = await relay.#said());
		return relay;
	}

	async #said() {
		const answer = this.#answers.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
		return within(10_000, Promise.resolve(answer), `an answer of the relay ${this.#errors}`);
	}

	/** Gives an order (see crates/crowd/src/relay.rs), and the counts so far once it is followed. */
	async order(order) {
		this.child.stdin.write(`${JSON.stringify(order)}\n`);
		const answer = await this.#said();
		check(answer.event === 'done', `the relay refused ${JSON.stringify(order)}: ${answer.why}`);
		return answer;
	}

	/** Loses nothing and delays nothing any more. */
	mend() {
		return this.order({ up: { loss: 0 }, down: { loss: 0 }, delay_ms: 0, blocked: false });
	}

	/** Makes the pages that somebody opens from now on go through the relay. */
	async lead(person) {
		await person.before(throughRelay, { ways: this.ways, tcp: this.tcp });
	}

	close() {
		this.child.kill('SIGKILL');
	}

	evidence(folder) {
		save(folder, 'relay.txt', this.#errors);
	}
}

/** Runs in the page before the app does: the server's UDP candidates become the relay's. Self-contained. */
function throughRelay({ ways, tcp }) {
	const prototype = window.RTCPeerConnection.prototype;
	const take = prototype.setRemoteDescription;
	prototype.setRemoteDescription = function (answer) {
		const line = (one) => {
			const found = /^(a=candidate:\S+ 1 (?:udp|tcp) \d+) (\S+) (\d+)(.*)$/.exec(one);
			if (!found) return one;
			const [, head, address, port, rest] = found;
			if (head.includes(' tcp ')) return tcp ? one : null;
			const way = ways.find(({ to }) => to === `${address}:${port}`);
			return way ? `${head} ${way.at.replace(/:(\d+)$/, ' $1')}${rest}` : one;
		};
		const sdp = answer.sdp.split('\r\n').map(line).filter((one) => one !== null).join('\r\n');
		return take.call(this, { type: answer.type, sdp });
	};
}
