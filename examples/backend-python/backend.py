"""A whole backend for a stock gateway: direct messages, kept in memory. See docs/BACKEND.md for what it leaves out."""
import asyncio, itertools, os, signal, time
import nats
from tidegate.v1 import bus_pb2 as bus, client_pb2 as client

PREFIX = os.environ.get("TIDEGATE_PREFIX", "tidegate")
SUBJECT = f"{PREFIX}." if PREFIX else ""
logs, sent, message_ids = {}, {}, itertools.count(time.time_ns())  # conversation → events, client message id → event

def direct(one, other):  # Clients take it as it is; gateways check that it is spelled so.
    spell = lambda user: "".join(c if c.isalnum() or c in "-_" else f"~{ord(c):02x}" for c in user)
    return ".".join(["d", *map(spell, sorted([one, other]))])

def users(conversation):
    unspell = lambda name: "".join(p if not i else chr(int(p[:2], 16)) + p[2:] for i, p in enumerate(name.split("~")))
    return {unspell(name) for name in conversation.split(".")[1:]} if conversation.startswith("d.") else set()

def append(user, send):  # Once per client message id, however often it is sent.
    if send.client_message_id not in sent:
        log = logs.setdefault(send.conversation or direct(user, send.to_user), [])
        sent[send.client_message_id] = client.Event(
            conversation=send.conversation or direct(user, send.to_user), seq=len(log) + 1, message_id=next(message_ids),
            sender=user, time=time.time_ns() // 1_000_000, body=send.body, client_message_id=send.client_message_id)
        log.append(sent[send.client_message_id])
    return sent[send.client_message_id]

def answer(command):  # The answer to a command, and the event that it causes.
    kind, event = command.WhichOneof("request"), None
    ask = getattr(command, kind)
    log = logs.get(getattr(ask, "conversation", ""), [])
    if getattr(ask, "conversation", "") and command.user not in users(ask.conversation):
        frame = dict(nack=client.Nack(client_message_id=getattr(ask, "client_message_id", ""), code=1200, frame=kind))
    elif kind == "connected":
        return dict(groups=bus.Groups()), None
    elif kind == "heads":
        heads = [bus.HeadState(conversation=c, seq=len(logs.get(c, [])), member=command.user in users(c), floor=1)
                 for c in ask.conversations]
        return dict(heads=bus.Heads(heads=heads)), None
    elif kind == "send":
        event = append(command.user, ask)
        same = {name: getattr(event, name) for name in ("client_message_id", "conversation", "seq", "message_id", "time")}
        frame = None if ask.ack == client.NONE else dict(ack=client.Ack(**same))
    elif kind == "fetch":
        first, last = max(ask.from_seq, 1), min(ask.to_seq or len(log), len(log))
        page = client.Page(conversation=ask.conversation, to=last, entries=log[first - 1:last], head=len(log))
        setattr(page, "from", first)
        frame = dict(page=page)
    else:
        frame = dict(delta=client.Delta(cursor="0")) if kind == "sync" else None
    return dict(frame=client.ServerFrame(**frame).SerializeToString()) if frame else dict(settled=bus.Settled()), event

async def main():
    connection, stop = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222")), asyncio.Event()
    async def publish(subject, trace, **payload):
        delivery = bus.DeliveryEnvelope(trace=trace, **payload)
        await connection.publish(SUBJECT + subject, bus.Deliveries(deliveries=[delivery]).SerializeToString())
    async def on_command(message):
        command = bus.CommandEnvelope.FromString(message.data)
        if command.deadline < time.time_ns() // 1_000_000:
            return  # Nobody waits for it any more.
        reply, event = answer(command)
        if event:
            frame = client.ServerFrame(event=event).SerializeToString()
            fanout = bus.Fanout(frame=frame, conversation=event.conversation, seq=event.seq,
                                except_node=command.node, except_session=command.session)
            for user in users(event.conversation):
                await publish("user." + user.replace(".", "/"), command.trace, fanout=fanout)
        await publish(f"node.{command.node:016x}", command.trace, reply=bus.ReplyEnvelope(session=command.session, **reply))
    await connection.subscribe(SUBJECT + "cmd.*.>", queue="router", cb=on_command)
    await connection.flush()
    print("ready", flush=True)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await connection.drain()

asyncio.run(main())
