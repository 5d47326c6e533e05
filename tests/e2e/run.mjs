// Runs end-to-end suites: `node run.mjs [NAME...]`, all without a name. Ends with `N passed, N failed`.
//
// Where it may, it first moves into a network namespace of its own: no port can be taken by somebody else, nothing
// outside can be reached, and there is an address that is not loopback, without which Firefox takes no candidate.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { closeEverything, Group, RESULTS, Tally } from './lib/harness.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SUITES = readdirSync(join(HERE, 'suites')).map((file) => file.replace(/\.mjs$/, ''));
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** The address inside the namespace that is not loopback. */
const ADDRESS = '10.77.0.1';

/** Runs this program again inside a namespace and gives its exit code; null where that is not allowed. The process
 * namespace goes with it: when its first process ends, however it ends, everything in it does. */
async function runInNamespace() {
	const prepare = [
		'ip link set lo up',
		'ip link add rt0 type veth peer name rt1',
		`ip addr add ${ADDRESS}/24 dev rt0`,
		'ip link set rt0 up',
		'ip link set rt1 up',
		// Browsers look for the interface of the default route; nothing answers behind this one.
		'ip route add default via 10.77.0.2 dev rt0'
	].join(' && ');
	const options = ['--net', '--pid', '--mount-proc', '--fork', '--kill-child'];
	if (process.getuid() !== 0) options.push('--map-root-user');
	if (spawnSync('unshare', [...options, 'sh', '-c', prepare], { stdio: 'ignore' }).status !== 0) return null;
	const again = [...options, 'sh', '-c', `${prepare} && "$0" "$@"; exit $?`, process.execPath, ...process.argv.slice(1)];
	const child = spawn('unshare', again, { stdio: 'inherit', env: { ...process.env, E2E_MEDIA_ADDRESS: ADDRESS } });
	for (const signal of SIGNALS) process.on(signal, () => child.kill('SIGTERM'));
	return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

const wanted = process.argv.slice(2).filter((name) => name !== '');
const unknown = wanted.filter((name) => !SUITES.includes(name));
if (unknown.length > 0) {
	console.error(`no such suite: ${unknown.join(', ')}; there are: ${SUITES.join(', ')}`);
	process.exit(2);
}
if (!process.env.E2E_MEDIA_ADDRESS) {
	const code = await runInNamespace();
	if (code !== null) process.exit(code);
}

for (const signal of SIGNALS) {
	process.once(signal, () => void closeEverything().finally(() => process.exit(130)));
}
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS, { recursive: true });
const tally = new Tally();
for (const name of wanted.length > 0 ? wanted : SUITES) {
	const { groups } = await import(`./suites/${name}.mjs`);
	for (const [title, act] of Object.entries(groups)) {
		// One group of a suite can be run alone while working on it.
		if (process.env.GROUP && !title.includes(process.env.GROUP)) continue;
		await new Group(`${name}: ${title}`, tally).run(act);
	}
}
const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
console.log(`${tally.passed} passed, ${tally.failed} failed${skipped}`);
process.exit(tally.failed > 0 || tally.passed === 0 ? 1 : 0);
