// Receivers of alerts that really listen: webhooks over HTTP, and a mail server that speaks SMTP with STARTTLS and
// AUTH, as much of RFC 5321, 3207 and 4954 as a client needs. Both keep what they are sent.
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { atEnd, until } from './penstock.mjs';

// `answer(call, number)`: {status, headers, body}, undefined for 200, or 'hang', 'close', 'garbage'. `got`: the calls, each
// {method, url, headers, text, json, at}. `alone`: until nobody is connected, so that all that was sent is in `got`.
export async function webhook(t, answer = () => undefined) {
  const got = [];
  const sockets = new Set();
  const server = http.createServer((incoming, reply) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const call = { method: incoming.method, url: incoming.url, headers: incoming.headers, text, at: Date.now() };
      try {
        call.json = JSON.parse(text);
      } catch {
        // not every receiver is sent JSON
      }
      got.push(call);
      const said = answer(call, got.length);
      if (said === 'hang') return;
      if (said === 'close') return incoming.socket.destroy();
      if (said === 'garbage') return incoming.socket.end('\x00\x01 this is no HTTP\r\n\r\n');
      reply.writeHead(said?.status ?? 200, said?.headers ?? {});
      reply.end(said?.body ?? 'ok');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  };
  atEnd(t, close);
  const url = `http://127.0.0.1:${server.address().port}/hook/T0PS3CR3T`;
  return {
    url,
    got,
    close,
    alone: () => until('nobody to be connected', () => sockets.size === 0),
    arrived: (what, test = () => true, ms = 60_000) => until(`the message: ${what}`, () => got.find(test), ms),
  };
}

// `certificate`: {key, cert} in PEM; with it STARTTLS is offered. `user`, `password`: what AUTH PLAIN and LOGIN take.
// `refuse`: a reply for RCPT TO. `mails`: each {from, to, text, headers, body, secure, user}.
export async function mailServer(t, { certificate, user, password, refuse } = {}) {
  const mails = [];
  const sockets = new Set();
  const serve = (raw) => {
    let socket = raw, mail = { to: [] }, data = null, login = null, rest = '';
    const session = { secure: false, user: null };
    const say = (line) => socket.write(`${line}\r\n`);
    const signIn = (name, word) => {
      if (name !== user || word !== password) return say('535 5.7.8 wrong');
      session.user = name;
      say('235 2.7.0 welcome');
    };
    const words = {
      EHLO: () => {
        socket.write('250-receiver\r\n');
        if (certificate && !session.secure) socket.write('250-STARTTLS\r\n');
        if (user && session.secure) socket.write('250-AUTH PLAIN LOGIN\r\n');
        say('250 8BITMIME');
      },
      HELO: () => say('250 receiver'),
      STARTTLS: () => {
        say('220 go ahead');
        raw.removeAllListeners('data');
        socket = new tls.TLSSocket(raw, { isServer: true, ...certificate });
        session.secure = true;
        listen();
      },
      AUTH: (line) => {
        const [, how, first] = line.split(' ');
        if (how === 'PLAIN' && first) {
          const [, name, word] = Buffer.from(first, 'base64').toString().split('\0');
          return signIn(name, word);
        }
        login = how === 'PLAIN' ? (reply) => (([, name, word]) => signIn(name, word))(Buffer.from(reply, 'base64').toString().split('\0')) : null;
        say('334 ');
      },
      MAIL: (line) => {
        mail = { from: /<(.*?)>/.exec(line)[1], to: [], secure: session.secure, user: session.user };
        say('250 2.1.0 ok');
      },
      RCPT: (line) => {
        if (refuse) return say(refuse);
        mail.to.push(/<(.*?)>/.exec(line)[1]);
        say('250 2.1.5 ok');
      },
      DATA: () => {
        data = [];
        say('354 end with .');
      },
      RSET: () => say('250 ok'),
      NOOP: () => say('250 ok'),
      QUIT: () => {
        say('221 bye');
        socket.end();
      },
    };
    const keep = () => {
      mail.text = data.map((line) => (line.startsWith('..') ? line.slice(1) : line)).join('\n');
      data = null;
      const split = mail.text.indexOf('\n\n');
      mail.headers = Object.fromEntries(
        mail.text.slice(0, split).replaceAll('\n ', ' ').split('\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
      );
      const unquoted = mail.text.slice(split + 2).replaceAll('=\n', '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
      mail.body = Buffer.from(unquoted, 'latin1').toString();
      mails.push(mail);
      say('250 2.0.0 kept');
    };
    const take = (line) => {
      if (data) return line === '.' ? keep() : data.push(line);
      if (login) return [login, (login = null)][0](line);
      const word = line.split(' ')[0].toUpperCase();
      return words[word] ? words[word](line) : say('500 5.5.1 what?');
    };
    const listen = () => {
      rest = '';
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        rest += chunk.toString('latin1');
        for (let end; (end = rest.indexOf('\r\n')) >= 0; ) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 2);
          take(line);
        }
      });
    };
    listen();
    say('220 receiver ESMTP');
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  atEnd(t, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  return {
    url: `smtp://localhost:${server.address().port}`,
    mails,
    arrived: (what, test = () => true, ms = 60_000) => until(`the mail: ${what}`, () => mails.find(test), ms),
  };
}
