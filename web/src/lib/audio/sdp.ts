/** What browsers do not offer by themselves. */

/**
 * A listen offer that also asks for lost packets again (generic NACK, RFC 4585 section 6.2.1) and accepts stereo
 * (RFC 7587 section 6.1), in every audio section, for its Opus payload types. What is already there stays.
 */
export function listenOffer(sdp: string): string {
  const [session, ...sections] = sdp.split(/^(?=m=)/m);
  return (
    session +
    sections.map((section) => (section.startsWith('m=audio') ? withNackAndStereo(section) : section)).join('')
  );
}

function withNackAndStereo(section: string): string {
  const types = [...section.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)].map((match) => match[1]!);
  const lines = section.split('\r\n');
  const out: string[] = [];
  for (const line of lines) {
    const type = types.find((one) => line.startsWith(`a=fmtp:${one} `));
    out.push(type !== undefined && !/[ ;]stereo=/.test(line) ? `${line};stereo=1` : line);
    const map = types.find((one) => line.startsWith(`a=rtpmap:${one} `));
    if (map === undefined) continue;
    if (!lines.includes(`a=rtcp-fb:${map} nack`)) out.push(`a=rtcp-fb:${map} nack`);
    if (!lines.some((one) => one.startsWith(`a=fmtp:${map} `))) out.push(`a=fmtp:${map} stereo=1`);
  }
  return out.join('\r\n');
}
