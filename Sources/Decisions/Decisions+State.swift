// How policies lie in the journal. Settings are not kept: they are the configuration's.
package import Events

extension RetrainTrigger {
  package func encode(to writer: inout StateWriter) {
    writer.write(lastRetrain)
    writer.write(decisions)
  }

  package init(policy: RetrainPolicy, from reader: inout StateReader) throws(StateError) {
    self.init(
      policy: policy, lastRetrain: try reader.readTimestamp(), decisions: try reader.readCount())
  }
}

extension RetrainLife {
  package func encode(to writer: inout StateWriter) {
    writer.write(open) { writer, open in
      open.publication.model.encode(to: &writer)
      writer.write(open.publication.time)
      open.publication.cause.encode(to: &writer)
      open.decision.encode(to: &writer)
      writer.write(open.revision)
      open.phase.encode(to: &writer)
    }
    writer.write(ended) { writer, ended in
      writer.write(ended.decision.text)
      writer.write(ended.attempt)
      writer.write(ended.state.rawValue)
      writer.write(ended.revision)
      writer.write(ended.owner) { $0.write($1) }
      writer.write(ended.isFinal)
    }
    writer.write(isStalled)
  }

  package init(
    policy: RetrainLifePolicy, digest: @escaping Digest, from reader: inout StateReader
  ) throws(StateError) {
    self.init(policy: policy, digest: digest)
    let open = try reader.readArray { (reader) throws(StateError) -> Open in
      let model = try ModelKey(from: &reader)
      let time = try reader.readTimestamp()
      let cause = try Cause(from: &reader)
      let decision = try RetrainDecision(from: &reader)
      return Open(
        publication: Publication(model: model, time: time, cause: cause, output: .decision(decision)),
        decision: decision, revision: try reader.readCount(), phase: try Phase(from: &reader))
    }
    let ended = try reader.readArray { (reader) throws(StateError) -> Ended in
      Ended(
        decision: DecisionID(try reader.readText()), attempt: try reader.readInt(),
        state: try reader.readWord(), revision: try reader.read(),
        owner: try reader.readOptional { (reader) throws(StateError) in try reader.readText() },
        isFinal: try reader.readBool())
    }
    restore(open: open, ended: ended, isStalled: try reader.readBool())
  }
}

extension RetrainLife.Phase {
  fileprivate func encode(to writer: inout StateWriter) {
    writer.write(state.rawValue)
    switch self {
    case .issued(let times, let since, let next, let expires):
      writer.write(times)
      writer.write(since)
      writer.write(next)
      writer.write(expires)
    case .waiting(let until): writer.write(until)
    case .acked(let owner, let until), .started(let owner, let until), .succeeded(let owner, let until):
      writer.write(owner)
      writer.write(until)
    }
  }

  fileprivate init(from reader: inout StateReader) throws(StateError) {
    let state = try reader.readWord(DecisionState.self)
    switch state {
    case .issued:
      self = .issued(
        times: Int(try reader.readCount()), since: try reader.readTimestamp(),
        next: try reader.readTimestamp(),
        expires: try reader.readTimestamp())
    case .failed: self = .waiting(until: try reader.readTimestamp())
    case .acked: self = .acked(owner: try reader.readText(), until: try reader.readTimestamp())
    case .started: self = .started(owner: try reader.readText(), until: try reader.readTimestamp())
    case .succeeded: self = .succeeded(owner: try reader.readText(), until: try reader.readTimestamp())
    default: throw StateError("no open decision is \(state.rawValue)")
    }
  }
}
