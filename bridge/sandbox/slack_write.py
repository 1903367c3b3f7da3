"""The Web API methods that change something: chat.postMessage, chat.update, conversations.join; incoming webhooks."""

from __future__ import annotations

from typing import Any

from bridge.sandbox import slack_checks
from bridge.sandbox.slack_call import Call, describe, describe_channel
from bridge.sandbox.slack_checks import SlackError
from bridge.sandbox.slack_state import Channel, Message, parse_ts


def post_message(call: Call) -> dict[str, Any]:
    """chat.postMessage."""
    channel = call.channel(by_name=True)
    if channel.is_archived:
        raise SlackError("is_archived")
    if not channel.is_member and "chat:write.public" not in call.scopes:
        raise SlackError("not_in_channel")
    content = _content(call)
    thread = _thread(call, channel)
    call.slack.limit_post(call.workspace, channel)
    message = Message(
        channel.next_micros(call.now),
        call.workspace.bot_user,
        call.workspace.bot_id,
        posted_at=call.now,
        thread=thread,
        broadcast=thread is not None and call.get("reply_broadcast", default=False),
        username=call.get("username"),
        **content,
    )
    channel.add(message)
    return {"channel": channel.id, "ts": message.ts, "message": describe(call, channel, message, metadata=True)}


def _content(call: Call) -> dict[str, Any]:
    """The checked words of a message: text, blocks, attachments, metadata."""
    blocks = slack_checks.parse_blocks(call.get("blocks", []))
    if slack_checks.text_length(blocks) > slack_checks.BLOCKS_TEXT:
        raise SlackError("msg_blocks_too_long" if "ts" not in call.arguments else "msg_too_long")
    text = call.get("text") or call.get("markdown_text", "")
    attachments = call.get("attachments", [])
    if not (text or blocks or attachments or ("ts" in call.arguments and "metadata" in call.arguments)):
        raise SlackError("no_text")
    if not isinstance(attachments, list):
        raise SlackError("invalid_attachments")
    made = [{**block, "block_id": block.get("block_id") or f"b{index}"} for index, block in enumerate(blocks)]
    metadata = slack_checks.parse_metadata(call.get("metadata", {})) or None
    return {"text": text, "blocks": made, "attachments": attachments, "metadata": metadata}


def _thread(call: Call, channel: Channel) -> int | None:
    if "thread_ts" not in call.arguments:
        return None
    parent = channel.messages.get(parse_ts(call.arguments["thread_ts"]))
    if parent is None or parent.thread is not None:
        raise SlackError("invalid_thread_ts")
    return parent.micros


def update(call: Call) -> dict[str, Any]:
    """chat.update: text without blocks takes the blocks away; omitted attachments and metadata stay, `{}` removes."""
    channel = call.channel()
    message = channel.messages.get(parse_ts(call.arguments["ts"]))
    if message is None:
        raise SlackError("message_not_found")
    if channel.is_archived:
        raise SlackError("is_inactive")
    if not channel.is_member:
        raise SlackError("not_in_channel")
    if message.bot != call.workspace.bot_id:
        raise SlackError("cant_update_message")
    content = _content(call)
    asked = call.arguments.keys()
    if asked & {"text", "markdown_text", "blocks"}:
        message.blocks = content["blocks"]
    if asked & {"text", "markdown_text"}:
        message.text = content["text"]
    for name in asked & {"attachments", "metadata"}:
        setattr(message, name, content[name])
    message.broadcast = message.broadcast or (message.thread is not None and call.get("reply_broadcast", default=False))
    message.edited_at = call.now
    message.edits += 1
    described = describe(call, channel, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": described}


def join(call: Call) -> dict[str, Any]:
    """conversations.join: public channels only."""
    channel = call.channel()
    if channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    answer: dict[str, Any] = {}
    if channel.is_member:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    channel.is_member = True
    return {"channel": describe_channel(channel), **answer}


def webhook(call: Call, channel: Channel, sent: object) -> None:
    """A message through an incoming webhook; it belongs to no API call, so nothing can edit it.

    Raises:
        SlackError: it has no words, or its blocks are wrong.
    """
    if not isinstance(sent, dict):
        raise SlackError("invalid_payload")
    if channel.is_archived:
        raise SlackError("channel_is_archived")
    content = _content(call.with_arguments(sent))
    call.slack.limit_post(call.workspace, channel)
    bot = f"{call.workspace.bot_id}H"
    channel.add(Message(channel.next_micros(call.now), call.workspace.bot_user, bot, posted_at=call.now, **content))
