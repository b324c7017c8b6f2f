// The tasks in JavaScript, written by hand for each of the browser's sockets: what there is to
// reach. Each ends when the page or the server has seen all that was due.

/** What waits to be sent where that is bounded, in bytes. */
const MARK = 1 << 20;
/** How large the messages are into which small writes are merged, in bytes. */
const MERGED = 128_000;
const PERIOD = 251;

/** Does a task, `count` times `size` bytes; resolves to the seconds it took. */
export function run(socket, task, url, size, count) {
  const tasks = { WebSocket: plain, WebSocketStream: stream }[socket];
  return tasks[task](url, size, count);
}

const plain = {
  async download(url, size, count) {
    const began = performance.now();
    const socket = await open(url);
    const due = size * count;
    let received = 0;
    await new Promise((resolve, reject) => {
      socket.onclose = () => reject(lost());
      socket.onmessage = ({ data }) => {
        received += data.byteLength;
        if (received >= due) {
          resolve();
        }
      };
    });
    const seconds = since(began);
    verify(received, due);
    await closePlain(socket);
    return seconds;
  },

  upload: (url, size, count) =>
    uploadPlain(url, (socket) => {
      for (const piece of pieces(size, count)) {
        socket.send(piece);
      }
    }),

  "upload-bounded": (url, size, count) =>
    uploadPlain(url, async (socket) => {
      for (const piece of pieces(size, count)) {
        while (socket.bufferedAmount >= MARK) {
          await hop();
        }
        socket.send(piece);
      }
    }),

  merge: (url, size, count) =>
    uploadPlain(url, (socket) => merge(size, count, (message) => socket.send(message))),

  async "round-trips"(url, size, count) {
    const socket = await open(url);
    const began = performance.now();
    for (const piece of pieces(size, count)) {
      const echo = received(socket);
      socket.send(piece);
      verifySame(await echo, piece);
    }
    const seconds = since(began);
    await closePlain(socket);
    return seconds;
  },
};

async function uploadPlain(url, send) {
  const socket = await open(url);
  const began = performance.now();
  const answer = received(socket);
  await send(socket);
  verifyAnswer(await answer);
  const seconds = since(began);
  await closePlain(socket);
  return seconds;
}

function open(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => resolve(socket);
    socket.onclose = () => reject(lost());
  });
}

function received(socket) {
  return new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = () => reject(lost());
  });
}

function closePlain(socket) {
  return new Promise((resolve) => {
    socket.onclose = resolve;
    socket.close(1000);
  });
}

const channel = new MessageChannel();

/** Resolves in another turn of the event loop, without the delay of a timer. */
function hop() {
  return new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });
}

const stream = {
  async download(url, size, count) {
    const began = performance.now();
    const { reader, close } = await openStream(url);
    const due = size * count;
    let received = 0;
    while (received < due) {
      received += (await read(reader)).byteLength;
    }
    const seconds = since(began);
    verify(received, due);
    await close();
    return seconds;
  },

  upload: (url, size, count) =>
    uploadStream(url, (writer) => {
      for (const piece of pieces(size, count)) {
        writer.write(piece);
      }
    }),

  "upload-bounded": (url, size, count) =>
    uploadStream(url, async (writer) => {
      for (const piece of pieces(size, count)) {
        if (writer.desiredSize <= 0) {
          await writer.ready;
        }
        writer.write(piece);
      }
    }),

  merge: (url, size, count) =>
    uploadStream(url, (writer) => merge(size, count, (message) => writer.write(message))),

  async "round-trips"(url, size, count) {
    const { reader, writer, close } = await openStream(url);
    const began = performance.now();
    for (const piece of pieces(size, count)) {
      writer.write(piece);
      verifySame(await read(reader), piece);
    }
    const seconds = since(began);
    await close();
    return seconds;
  },
};

async function uploadStream(url, send) {
  const { reader, writer, close } = await openStream(url);
  const began = performance.now();
  await send(writer);
  verifyAnswer(await read(reader));
  const seconds = since(began);
  await close();
  return seconds;
}

async function openStream(url) {
  const socket = new WebSocketStream(url);
  const { readable, writable } = await socket.opened;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  // Which it is even after a clean end.
  writer.closed.catch(() => {});
  const close = () => {
    socket.close({ closeCode: 1000 });
    return socket.closed;
  };
  return { reader, writer, close };
}

async function read(reader) {
  const { value, done } = await reader.read();
  if (done) {
    throw lost();
  }
  return value;
}

/** Pieces of the pattern of bytes that the server expects, as views of the same memory. */
function* pieces(size, count) {
  const pattern = Uint8Array.from({ length: size + PERIOD }, (_, index) => index % PERIOD);
  for (let index = 0; index < count; index += 1) {
    const start = (index * size) % PERIOD;
    yield pattern.subarray(start, start + size);
  }
}

/** The same pieces, merged into large messages. */
function merge(size, count, send) {
  let merged = new Uint8Array(MERGED);
  let filled = 0;
  for (const piece of pieces(size, count)) {
    if (filled + piece.length > MERGED) {
      send(merged.subarray(0, filled));
      // A WebSocketStream may still need the other one.
      merged = new Uint8Array(MERGED);
      filled = 0;
    }
    merged.set(piece, filled);
    filled += piece.length;
  }
  send(merged.subarray(0, filled));
}

function since(began) {
  return (performance.now() - began) / 1e3;
}

function verify(received, due) {
  if (received !== due) {
    throw new Error(`${received} bytes were received, ${due} were due`);
  }
}

function verifySame(buffer, piece) {
  const echo = new Uint8Array(buffer);
  if (echo.length !== piece.length || !echo.every((byte, index) => byte === piece[index])) {
    throw new Error("another message came back than was sent");
  }
}

function verifyAnswer(buffer) {
  const answer = new TextDecoder().decode(buffer);
  if (answer !== "complete") {
    throw new Error(answer);
  }
}

function lost() {
  return new Error("the connection has ended");
}
