/// What a word of the account means, and what to do about it, for people.
///
/// By text and not by `Reason`: the daemon that is asked may be of another version, whose words are then shown
/// without an explanation.
package enum ReasonWords {
  package struct Entry: Sendable {
    package var meaning: String
    package var advice: String
  }

  package static func of(_ word: String) -> String { entries[word]?.meaning ?? "" }

  package static let entries: [String: Entry] = [
    "malformed": .init(
      meaning: "not the encoding: frames, JSON, a missing attribute, a wrong type",
      advice:
        "'tidemark decode' says what is wrong with a message; the daemon's log has the words for the last one"
    ),
    "unsupported_version": .init(
      meaning: "a version of the protocol that this daemon does not speak",
      advice: "update the daemon, or let the client speak an earlier version"),
    "unknown_kind": .init(
      meaning: "a type that names no kind of event", advice: "compare 'type' and topic with protocol/kinds"),
    "unknown_model": .init(
      meaning: "its model is not configured, and unknown_models is reject",
      advice: "configure the model, or set unknown_models: register"),
    "shape_mismatch": .init(
      meaning: "rows of another length or other columns than the baseline's",
      advice: "publish a baseline of the present columns, or mend the producer"),
    "topic_mismatch": .init(
      meaning: "topic and body name different models, versions or sources", advice: "mend the producer"),
    "too_large": .init(
      meaning: "a frame, message or line above its limit",
      advice: "send smaller batches, or raise limits.message_bytes"),
    "duplicate": .init(
      meaning: "seen before: the same id, or a number not above the last",
      advice: "usual after a resend; otherwise two processes use one source name"),
    "stale_epoch": .init(
      meaning: "from an earlier numbering of its source",
      advice: "two processes use one source name: give each its own"),
    "no_baseline": .init(
      meaning: "a feature batch for a model without a feature baseline",
      advice:
        "publish a baseline, name a file under baseline.features, or let it learn one (preset: standard)"),
    "missing_time": .init(
      meaning: "replay only: an event without a time", advice: "record with 'tidemark record'"),
    "too_many_models": .init(
      meaning: "limits.models models are watched already",
      advice: "raise limits.models (each keeps about 4 KiB and its baseline), or stop who makes up names"),
    "too_many_sources": .init(
      meaning: "limits.sources sources were heard within the hour",
      advice: "raise limits.sources, or give processes stable source names"),
    "feedback_refused": .init(
      meaning: "a report on a decision that it cannot change: unknown, over, or another's",
      advice: "look whether two orchestrators act on one decision"),
    "out_of_order": .init(
      meaning: "lossless lane: a number further on than the next; it is sent again",
      advice: "usual after a reconnection"),
    "late": .init(
      meaning: "its time is before the model's latest; handled as it came",
      advice: "usual with several sources; otherwise look at their clocks"),
    "gap": .init(
      meaning: "messages that are missing by their numbers",
      advice: "see the losses by source"),
    "unsequenced": .init(
      meaning: "without a number, so losses cannot be seen",
      advice: "number the messages ('sequence' and 'epoch'), or use a client that does"),
    "restarted": .init(
      meaning: "its source began a new numbering", advice: "usual; when it goes on, a process restarts"),
    "time_refused": .init(
      meaning: "a time more than 24 h ahead, or a clock more than 60 s off; arrival was used",
      advice: "synchronise the source's clock"),
    "text_ignored": .init(
      meaning: "columns of text came; the others were judged", advice: "preset: standard judges text"),
    "clock_skew": .init(
      meaning: "a source's clock differs from the daemon's by more than 5 s", advice: "synchronise the clocks"
    ),
    "deadline_skipped": .init(
      meaning: "a jump in time passed more than 1,000 deadlines of a model",
      advice: "look at the times that it is sent"),
    "journal_failed": .init(
      meaning: "a commit failed; nothing is decided until one succeeds", advice: "look at the disk of 'state'"
    ),
    "history_thinned": .init(
      meaning: "samples became minutes or hours early, since there were too many",
      advice: "raise the journal's limit of samples if you need them"),
  ]
}
