/// What an operator says of alerts (`tidemark.silence`): that nobody is to be notified of some, or that one is over.
package enum SilenceRequest: Sendable, Equatable {
  /// - Parameter id: nil: one is made of the request, so that the same asked again makes the same.
  case create(id: String?, Silence.Terms)
  case expire(id: String)
  case list
  /// Ends an alert, by its key.
  case resolve(alertKey: String)
}

/// Alerts that match it are marked `silenced` until it ends. What is decided does not depend on it.
package struct Silence: Sendable, Equatable {
  package let id: String
  package let terms: Terms
  /// By arrival, as its end.
  package let createdAt: Timestamp
  package let endsAt: Timestamp

  package init(id: String, terms: Terms, createdAt: Timestamp, endsAt: Timestamp) {
    (self.id, self.terms, self.createdAt, self.endsAt) = (id, terms, createdAt, endsAt)
  }

  /// Bytes of an id, of a pattern, of who made it, of a comment.
  package static let maximumIDBytes = 64
  package static let maximumPatternBytes = 200
  package static let maximumAuthorBytes = 128
  package static let maximumCommentBytes = 400
  package static let maximumMatchers = 8
  /// A year is as good as for ever, which is the configuration's business.
  package static let longest = Duration.seconds(366 * 24 * 3600)

  package struct Terms: Sendable, Equatable {
    /// All must match; at least one.
    package var matchers: [Matcher]
    package var end: End
    package var createdBy: String
    package var comment: String

    package init(matchers: [Matcher], end: End, createdBy: String, comment: String) {
      (self.matchers, self.end, self.createdBy, self.comment) = (matchers, end, createdBy, comment)
    }
  }

  package enum End: Sendable, Equatable {
    case at(Timestamp)
    /// From its arrival on.
    case after(Duration)
  }

  /// One property of an alert and what it is to be: exactly so, or, with a `*` at the end, beginning so.
  package struct Matcher: Sendable, Equatable {
    package enum Field: String, CaseIterable, Sendable {
      case model
      case version
      case monitor
      case severity
      case type
    }

    package let field: Field
    package let pattern: String

    /// Nil when the pattern is empty or too long.
    package init?(_ field: Field, _ pattern: String) {
      guard (1...Silence.maximumPatternBytes).contains(pattern.utf8.count) else { return nil }
      (self.field, self.pattern) = (field, pattern)
    }

    func matches(_ text: String) -> Bool {
      pattern.utf8.last == UInt8(ascii: "*")
        ? text.utf8.starts(with: pattern.utf8.dropLast()) : text == pattern
    }
  }

  /// Whether it is about an alert.
  package func matches(_ model: ModelKey, _ monitor: MonitorKind, _ severity: Severity) -> Bool {
    terms.matchers.allSatisfy { matcher in
      switch matcher.field {
      case .model: matcher.matches(model.name.text)
      case .version: matcher.matches(model.version.text)
      case .monitor: matcher.matches(monitor.rawValue)
      case .severity: matcher.matches(severity.rawValue)
      case .type: matcher.matches(monitor.alertType)
      }
    }
  }
}

extension Silence {
  package func encode(to writer: inout StateWriter) {
    writer.write(id)
    writer.write(terms.matchers) { writer, matcher in
      writer.write(matcher.field.rawValue)
      writer.write(matcher.pattern)
    }
    writer.write(terms.createdBy)
    writer.write(terms.comment)
    writer.write(createdAt)
    writer.write(endsAt)
  }

  package init(from reader: inout StateReader) throws(StateError) {
    let id = try reader.readText()
    let matchers = try reader.readArray { (reader) throws(StateError) in
      guard let matcher = Matcher(try reader.readWord(), try reader.readText()) else {
        throw StateError("a silence with an empty pattern")
      }
      return matcher
    }
    let (author, comment) = (try reader.readText(), try reader.readText())
    let (created, ends) = (try reader.readTimestamp(), try reader.readTimestamp())
    let terms = Terms(matchers: matchers, end: .at(ends), createdBy: author, comment: comment)
    self.init(id: id, terms: terms, createdAt: created, endsAt: ends)
  }
}
