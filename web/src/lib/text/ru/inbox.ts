/** Notifications: the inbox, and which kinds may come how. */

import type { Texts } from '../en';
import { count } from './numbers';

export const inbox: Texts['inbox'] = {
  title: 'Уведомления',
  none: 'Пока ничего',
  noneAbout: 'Когда на вас подпишутся, откроют комнату или позовут вас, это появится здесь.',
  unread: (n: number) =>
    n >= 100
      ? '100 и больше непрочитанных'
      : count(n, { one: 'непрочитанное', few: 'непрочитанных', many: 'непрочитанных' }),
  new: 'новое',
  today: 'Сегодня',
  more: 'Показать более старые',
  somebody: 'Кто-то',
  kinds: {
    followed: (who: string) => `${who} теперь среди ваших подписчиков`,
    room_opened: (who: string, title: string) => `${who} открывает комнату «${title}»`,
    room_speaking: (who: string, title: string) => `${who} на сцене в комнате «${title}»`,
    house_room: (who: string, title: string) => `${who} открывает «${title}» в одном из ваших домов`,
    ping: (who: string, title: string) => `${who} зовёт вас в комнату «${title}»`,
    call: (who: string) => `${who} хочет поговорить с вами`,
    called_up: (who: string, title: string) => `${who} вызывает вас на сцену комнаты «${title}»`,
    moderated: (_: string, title: string) =>
      `Модератор удалил вас из комнаты «${title}». Если это было неправильно, попросите пересмотреть.`,
    appeal_made: (who: string, title: string) => `${who} просит пересмотреть сделанное в комнате «${title}»`,
    appeal_decided: (_: string, title: string) => `Ваша просьба о комнате «${title}» решена`,
    invite_used: (who: string) => `${who} уже здесь по вашему приглашению`,
    invite_earned: (who: string) => `${who} участвует в разговорах, и у вас стало на одно приглашение больше`,
    nomination: (who: string, house: string) => `${who} рекомендует кого-то в дом «${house}»`,
    house_invited: (_: string, house: string) => `Теперь вы можете вступить в дом «${house}»`,
    house_joined: (who: string, house: string) => `${who} по вашей рекомендации вступает в дом «${house}»`,
    event_changed: (_: string, title: string) => `Новости о событии «${title}»`,
    cohost_asked: (who: string, title: string) => `${who} зовёт вас вести «${title}» вместе`,
    cohost_accepted: (who: string, title: string) => `${who} ведёт «${title}» вместе с вами`,
    invitation_asked: (who: string, title: string) =>
      `${who} приглашает на разговор вас или того, за кого вы отвечаете: «${title}»`,
    invitation_answered: (_: string, title: string) => `Есть ответ на приглашение «${title}»`,
    invitation_accepted: (_: string, title: string) =>
      `Принято приглашение «${title}», которое вы поддержали`,
    office_offered: (who: string, office: string) => `${who} просит вас вести свои дела: ${office}`,
    office_accepted: (who: string, office: string) => `${who} теперь ведёт ваши дела: ${office}`,
    proof_missing: (_: string, domain: string) =>
      `Домен ${domain} нужно подтвердить ещё раз: того, что вы разместили, там больше нет.`,
    report_handled: (_: string, answer: string) =>
      answer ? `Вашу жалобу рассмотрели: ${answer}` : 'Вашу жалобу рассмотрели. Спасибо.',
  },
  events: {
    announced: (title: string, moment: string) => `Следующий раз «${title}»: ${moment}`,
    agreed: (title: string) => `«${title}» состоится. Даты пока нет`,
    dated: (title: string, moment: string) => `У события «${title}» есть дата: ${moment}`,
    moved: (title: string, moment: string) => `«${title}» переносится: ${moment}`,
    undated: (title: string) => `Дата события «${title}» снята. Вы узнаете, когда она появится`,
    live: (title: string) => `«${title}» уже идёт: входите`,
    ended: (title: string) => `«${title}»: разговор состоялся`,
    cancelled: (title: string) => `Событие «${title}» отменено`,
    resized: (title: string) => `«${title}» закончится не тогда, когда предполагалось`,
  },
  other: 'Что-то произошло',
};
