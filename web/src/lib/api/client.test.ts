import { describe, expect, it } from 'vitest';
import { errors as en } from '../text/en/errors';
import { errors as ru } from '../text/ru/errors';
import { Api, ApiError, isPassing } from './client';

/** A client whose server gives one answer, and the requests that it made. */
function client(answer: Response | Error) {
  const asked: { path: string; method: string; body: unknown; type: string | undefined }[] = [];
  const api = new Api(async (input, init) => {
    const headers = init?.headers as Record<string, string> | undefined;
    const method = init?.method ?? 'GET';
    asked.push({ path: String(input), method, body: init?.body, type: headers?.['Content-Type'] });
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { api, asked };
}

async function refused(answer: Response | Error): Promise<ApiError> {
  const error: unknown = await client(answer)
    .api.me()
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('the client', () => {
  it('sends JSON and reads JSON', async () => {
    const { api, asked } = client(Response.json({ id: 'r1' }, { status: 201 }));
    expect(await api.openRoom({ title: 'T', kind: 'open' })).toEqual({ id: 'r1' });
    const body = '{"title":"T","kind":"open"}';
    expect(asked).toEqual([{ path: '/api/rooms', method: 'POST', body, type: 'application/json' }]);
  });

  it('quotes what it puts into a path', async () => {
    const { api, asked } = client(new Response(null, { status: 204 }));
    await api.follow('a/../b', true);
    expect(asked[0]!.path).toBe('/api/members/a%2F..%2Fb/follow');
  });

  it('offers a leg as SDP and takes its id from the location', async () => {
    const headers = { Location: '/api/rooms/r/legs/leg7' };
    const { api, asked } = client(new Response('v=0 answer', { status: 201, headers }));
    expect(await api.makeLeg('r', 'listen', 'v=0')).toEqual({ answer: 'v=0 answer', id: 'leg7' });
    expect(asked[0]!.type).toBe('application/sdp');
  });

  it.each([
    ['12', 12],
    [null, null],
    ['Sun, 06 Nov 1994 08:49:37 GMT', null],
  ])('knows when to ask again: %s', async (header, seconds) => {
    const headers: Record<string, string> = header === null ? {} : { 'Retry-After': header };
    const error = await refused(
      Response.json({ code: 'server_full', message: '' }, { status: 503, headers }),
    );
    expect([error.code, error.retryAfter]).toEqual(['server_full', seconds]);
  });

  it('says with a refusal for too many requests how long to wait', async () => {
    const headers = { 'Retry-After': '90' };
    const error = await refused(
      Response.json({ code: 'rate_limited', message: '' }, { status: 429, headers }),
    );
    expect([error.code, error.retryAfter]).toEqual(['rate_limited:90', 90]);
    expect(en.error(error.code)).toContain('90 s');
    expect(en.error('rate_limited:600')).toContain('10 min');
    expect(en.error('rate_limited')).toBe(en.refusals.rate_limited);
    expect(ru.error(error.code)).toContain('90 с');
  });

  it.each([
    [Response.json({ code: 'room_ended', message: 'over' }, { status: 410 }), 'room_ended', 410, false],
    [Response.json({ code: 'busy', message: 'later' }, { status: 503 }), 'busy', 503, true],
    [new Response('<html>', { status: 502 }), 'unreachable', 502, true],
    [new Response('oops', { status: 500 }), 'internal', 500, true],
    [Response.json(['x'], { status: 404 }), 'internal', 404, false],
    [new TypeError('failed'), 'unreachable', 0, true],
  ])('gives every failure a code: %#', async (answer, code, status, passing) => {
    const error = await refused(answer);
    expect([error.code, error.status, isPassing(error)]).toEqual([code, status, passing]);
  });
});
