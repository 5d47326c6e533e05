// A network of its own for one browser, with a cable to the server's that can be cut, made to lose, or led round.
// The cable is a pair of virtual interfaces, the other end a network namespace; what happens on the way is nftables.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { check, until } from './harness.mjs';

/** The server's end of the cable, and the browser's. */
const HERE = '10.78.0.1';
const THERE = '10.78.0.2';
/** Where the browser's media seems to come from once it is led round. */
const ELSEWHERE = '10.78.0.3';
/** Where nobody is: what is sent there is lost without a word to the sender. */
const NOWHERE = '10.78.0.9';
const TABLE = 'away';

/** Whether this can be had: a network namespace that is ours, and nft. */
export function canBeAway() {
	return Boolean(process.env.E2E_MEDIA_ADDRESS) && spawnSync('nft', ['list', 'ruleset'], { stdio: 'ignore' }).status === 0;
}

function run(program, ...args) {
	const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
	check(status === 0, `${program} ${args.join(' ')}: ${stderr}`);
	return stdout;
}

const ip = (line) => run('ip', ...line.split(' '));

export class Away {
	/** Where the server is, seen from there: its host name. */
	host = HERE;
	#holder;

	static async lay(folder) {
		const away = new Away();
		// The namespace lives as long as a process in it.
		away.#holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
		const own = run('readlink', '/proc/self/ns/net');
		const theirs = () => spawnSync('readlink', [`/proc/${away.#holder.pid}/ns/net`], { encoding: 'utf8' }).stdout;
		await until('the other namespace', () => theirs() !== '' && theirs() !== own);
		ip(`link add away0 type veth peer name away1 netns ${away.#holder.pid}`);
		ip(`addr add ${HERE}/24 dev away0`);
		ip('link set away0 up');
		away.#inside('ip', 'link', 'set', 'lo', 'up');
		for (const address of [THERE, ELSEWHERE]) away.#inside('ip', 'addr', 'add', `${address}/24`, 'dev', 'away1');
		away.plug();
		away.program = join(folder, 'away');
		writeFileSync(away.program, `#!/bin/sh\nexec nsenter --net=/proc/${away.#holder.pid}/ns/net "$AWAY_PROGRAM" "$@"\n`);
		chmodSync(away.program, 0o755);
		return away;
	}

	#inside(...command) {
		return run('nsenter', `--net=/proc/${this.#holder.pid}/ns/net`, ...command);
	}

	/** Pulls the cable out: the browser is told by its system that it has no network. */
	unplug() {
		this.#inside('ip', 'link', 'set', 'away1', 'down');
	}

	/** Puts it in. */
	plug() {
		this.#inside('ip', 'link', 'set', 'away1', 'up');
		this.#inside('ip', 'route', 'replace', 'default', 'via', HERE, 'dev', 'away1', 'src', THERE);
	}

	/** What arrives over the cable is dropped, at both ends, where it matches `rule`. */
	drop(rule) {
		this.#filter((...nft) => run('nft', ...nft), `iifname away0 ${rule} drop`);
		this.#filter((...nft) => this.#inside('nft', ...nft), `iifname away1 ${rule} drop`);
	}

	#filter(nft, rule) {
		const chain = `inet ${TABLE} arrives`;
		nft(`add table inet ${TABLE}; add chain ${chain} { type filter hook input priority 0; }; add rule ${chain} ${rule}`);
	}

	/** From now on the browser's datagrams come from another address; what is sent to that reaches it, and what is sent
	 * to the old one is lost. */
	leadRound() {
		const chain = (hook) => `add chain inet ${TABLE} ${hook} { type filter hook ${hook} priority raw; }`;
		const come = `add rule inet ${TABLE} prerouting iifname away0 meta l4proto udp ip saddr`;
		const go = `add rule inet ${TABLE} postrouting oifname away0 meta l4proto udp ip daddr`;
		run(
			'nft',
			[
				`add table inet ${TABLE}`,
				chain('prerouting'),
				`${come} ${THERE} counter ip saddr set ${ELSEWHERE} notrack`,
				chain('postrouting'),
				`${go} ${THERE} ip daddr set ${NOWHERE}`,
				`${go} ${ELSEWHERE} counter ip daddr set ${THERE}`
			].join('; ')
		);
	}

	/** How many datagrams have been led round: from the browser, and to it. */
	ledRound() {
		const packets = (chain) => Number(/counter packets (\d+)/.exec(run('nft', 'list', 'chain', 'inet', TABLE, chain))?.[1]);
		return { from: packets('prerouting'), to: packets('postrouting') };
	}

	/** Drops nothing and leads nothing round any more. */
	mend() {
		run('nft', `add table inet ${TABLE}; delete table inet ${TABLE}`);
		this.#inside('nft', `add table inet ${TABLE}; delete table inet ${TABLE}`);
	}

	close() {
		this.mend();
		this.#holder.kill('SIGKILL');
	}
}
