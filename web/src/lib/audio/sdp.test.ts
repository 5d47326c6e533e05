import { describe, expect, it } from 'vitest';
import { listenOffer, onlyOver, stereoOffer } from './sdp';

const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join('');
const SESSION = ['v=0', 's=-', 't=0 0'];

function check(section: string[], expected: string[]) {
  expect(listenOffer(lines(...SESSION, ...section))).toBe(lines(...SESSION, ...expected));
}

it('adds NACK and stereo to Opus in every audio section, and to nothing else', () => {
  const audio = (mid: string, fb: string[], stereo: string) => [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0',
    `a=mid:${mid}`,
    'a=rtpmap:111 opus/48000/2',
    ...fb,
    `a=fmtp:111 minptime=10;useinbandfec=1${stereo}`,
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
    'a=rtpmap:0 PCMU/8000',
  ];
  const nack = ['a=rtcp-fb:111 nack'];
  check(
    [...audio('0', [], ''), ...audio('1', [], '')],
    [...audio('0', nack, ';stereo=1'), ...audio('1', nack, ';stereo=1')],
  );
});

it('repeats nothing that is already there', () => {
  const section = [
    'm=audio 9 X 109',
    'a=rtpmap:109 opus/48000/2',
    'a=fmtp:109 stereo=0',
    'a=rtcp-fb:109 nack',
  ];
  check(section, section);
});

it('makes up for missing parameters', () => {
  const map = 'a=rtpmap:96 OPUS/48000/2';
  check(['m=audio 9 X 96', map], ['m=audio 9 X 96', map, 'a=rtcp-fb:96 nack', 'a=fmtp:96 stereo=1']);
});

it('leaves other media alone', () => {
  const section = ['m=video 9 X 96', 'a=rtpmap:96 opus/48000/2'];
  check(section, section);
});

it('announces stereo without asking for lost packets again', () => {
  const section = (parameters: string) => [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
    'a=rtpmap:111 opus/48000/2',
    `a=fmtp:111 minptime=10;useinbandfec=1${parameters}`,
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
  ];
  const offer = lines(...SESSION, ...section(''));
  expect(stereoOffer(offer)).toBe(lines(...SESSION, ...section(';stereo=1;sprop-stereo=1')));
  const half = lines(...SESSION, ...section(';stereo=1'));
  expect(stereoOffer(half)).toBe(lines(...SESSION, ...section(';stereo=1;sprop-stereo=1')));
});

describe('an answer for one transport', () => {
  const candidate = (transport: string) => `a=candidate:1 1 ${transport} 2130706431 192.0.2.1 7000 typ host`;
  const answer = (...transports: string[]) =>
    ['v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', ...transports.map(candidate), 'a=end-of-candidates', ''].join(
      '\r\n',
    );

  it('keeps its candidates only', () => {
    expect(onlyOver('tcp', answer('udp', 'tcp', 'UDP', 'TCP'))).toBe(answer('tcp', 'TCP'));
    expect(onlyOver('udp', answer('udp', 'tcp'))).toBe(answer('udp'));
  });

  it('stays as it is without any such', () => {
    expect(onlyOver('tcp', answer('udp'))).toBe(answer('udp'));
    expect(onlyOver('tcp', answer())).toBe(answer());
  });
});
