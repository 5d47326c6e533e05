/** What browsers do not offer by themselves. */

/**
 * A listen offer that also asks for lost packets again (generic NACK, RFC 4585 section 6.2.1) and accepts stereo
 * (RFC 7587 section 6.1), in every audio section, for its Opus payload types. What is already there stays.
 */
export function listenOffer(sdp: string): string {
  return inAudio(sdp, ['stereo=1'], true);
}

/** A publish offer that announces stereo (RFC 7587 section 6.1): for music. */
export function stereoOffer(sdp: string): string {
  return inAudio(sdp, ['stereo=1', 'sprop-stereo=1'], false);
}

/** An answer of which only the candidates of a transport, `udp` or `tcp`, are left (RFC 8839 section 5.1): where others are known
 * to lead nowhere, they need not be tried first. An answer without any such is left as it is. */
export function onlyOver(transport: string, sdp: string): string {
  const lines = sdp.split('\r\n');
  const candidate = (line: string) => /^a=candidate:\S+ \d+ (\S+) /.exec(line)?.[1]?.toLowerCase();
  if (!lines.some((line) => candidate(line) === transport)) return sdp;
  return lines.filter((line) => (candidate(line) ?? transport) === transport).join('\r\n');
}

/** The same description with these parameters of Opus, and generic NACK if wanted, in every audio section. */
function inAudio(sdp: string, parameters: string[], nack: boolean): string {
  const [session, ...sections] = sdp.split(/^(?=m=)/m);
  const changed = sections.map((section) =>
    section.startsWith('m=audio') ? withParameters(section, parameters, nack) : section,
  );
  return session + changed.join('');
}

function withParameters(section: string, parameters: string[], nack: boolean): string {
  const types = [...section.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)].map((match) => match[1]!);
  const lines = section.split('\r\n');
  const out: string[] = [];
  for (const line of lines) {
    const type = types.find((one) => line.startsWith(`a=fmtp:${one} `));
    const there = line.split(/[ ;]/).map((parameter) => parameter.split('=')[0]);
    const missing = type === undefined ? [] : parameters.filter((one) => !there.includes(one.split('=')[0]));
    out.push([line, ...missing].join(';'));
    const map = types.find((one) => line.startsWith(`a=rtpmap:${one} `));
    if (map === undefined) continue;
    if (nack && !lines.includes(`a=rtcp-fb:${map} nack`)) out.push(`a=rtcp-fb:${map} nack`);
    if (!lines.some((one) => one.startsWith(`a=fmtp:${map} `)))
      out.push(`a=fmtp:${map} ${parameters.join(';')}`);
  }
  return out.join('\r\n');
}
