// A device with a screen lock, made by the browser: it keeps passkeys and says yes when it is asked (Web Authentication,
// section 11, virtual authenticators).

/** Gives a Chromium person a device of their own, before their first page. It answers at once, so it would also answer the
 * offer in the field of the sign-in page; with `onPress` it is asked only when somebody presses the button. */
export async function device(person, { onPress = false } = {}) {
	const session = await person.context.newCDPSession(person.page);
	await session.send('WebAuthn.enable');
	const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
		options: {
			protocol: 'ctap2',
			transport: 'internal',
			hasResidentKey: true,
			hasUserVerification: true,
			isUserVerified: true,
			automaticPresenceSimulation: true
		}
	});
	if (onPress) {
		await person.context.addInitScript(() => {
			window.PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
		});
	}
	return {
		/** How many passkeys it keeps. */
		async passkeys() {
			return (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length;
		}
	};
}
