/**
 * Every word that the pages say, in Russian. Files and keys are those of the English catalogue; the types see to it.
 *
 * How we speak: «вы», plainly and warmly, no exclamation marks. Names stay in the nominative and verbs in the present tense, so that no
 * sentence needs to know anybody's gender: «Ада поднимает руку».
 *
 * Glossary, the same words everywhere:
 *   member участник · sponsor поручитель · guest гость · name имя · handle ник
 *   room комната · open открытая · social «для своих» · closed закрытая · hallway прихожая · house дом
 *   stage сцена · speaker «на сцене» · audience слушатели · listener слушатель · host ведущий · moderator модератор
 *   hand рука · to mute (a microphone) заглушить · to mute (a person) скрыть · to leave quietly тихо выйти
 *   invite приглашение · invite tree дерево приглашений · waitlist список ожидания · to wave in впустить
 *   invitation (public) открытое приглашение · event встреча, которую объявили заранее: «событие»
 *   office приёмная · delegate доверенное лицо · replay запись · recap итоги
 *   to follow подписаться · following подписки · followers подписчики · bell колокольчик · mutuals общие знакомые
 *   to block заблокировать · report жалоба · to ban закрыть вход · to suspend приостановить · nomination рекомендация
 *   passkey ключ доступа · recovery codes коды восстановления · to sign in войти · to sign out выйти · session сеанс
 *   green room зал ожидания · to call up вызвать на сцену · appeal просьба пересмотреть · pass пропуск
 *   inbox уведомления · quiet hours тихие часы · settings настройки · audit log журнал действий · account аккаунт
 */

import type { Texts } from '../en';
import { account } from './account';
import { acts } from './acts';
import { admin } from './admin';
import { around } from './around';
import { common } from './common';
import { errors } from './errors';
import { events } from './events';
import { evidence } from './evidence';
import { callUp, guests } from './guests';
import { hallway } from './hallway';
import { houses } from './houses';
import { inbox } from './inbox';
import { invitations } from './invitations';
import { invites } from './invites';
import { join } from './join';
import { offices } from './offices';
import { people } from './people';
import { proofs } from './proofs';
import { recording } from './recording';
import { replays } from './replays';
import { room } from './room';
import { terms } from './terms';

export const ru: Texts = {
  ...common,
  ...errors,
  ...join,
  ...hallway,
  ...room,
  around,
  account,
  acts,
  people,
  events,
  offices,
  proofs,
  houses,
  inbox,
  invitations,
  invites,
  admin,
  guests,
  callUp,
  evidence,
  recording,
  replays,
  terms,
};
