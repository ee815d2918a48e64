// How an alert lies in the journal: what every build reads, and beside it the course of one that has any.
package import Events

extension AlertPolicy {
  /// Whether ``encodeCourse(to:)`` says more than ``encode(to:)``.
  package var hasCourse: Bool { !courses.isEmpty }

  /// Whether it ever opened.
  package var hasOpened: Bool { openings > 0 }

  package func encode(to writer: inout StateWriter) {
    writer.write(openings)
    writer.write(openEpisode) { $1.encode(to: &$0) }
  }

  /// - Parameter unknown: what stands for the finding of an open episode until the next one comes, or until
  ///   ``restoreCourse(from:)``.
  package init(from reader: inout StateReader, unknown: Finding) throws(StateError) {
    let openings = try reader.readCount()
    let episode = try reader.readOptional { (reader) throws(StateError) in try Episode(from: &reader) }
    self.init(
      openings: openings,
      course: episode.map { episode in
        var finding = unknown
        finding.severity = episode.severity
        return Course(
          phase: .firing(clear: 0), episode: episode, finding: finding, evaluatedAt: episode.openedAt)
      })
  }

  package func encodeCourse(to writer: inout StateWriter) {
    writer.write(courses) { writer, course in
      course.phase.encode(to: &writer)
      writer.write(course.episode) { $1.encode(to: &$0) }
      writer.write(course.finding) { $1.encode(to: &$0) }
      writer.write(course.evaluatedAt)
      writer.write(course.flags.rawValue)
      writer.write(course.penalty.value)
      writer.write(course.penalty.at)
      writer.write(course.penalty.isSuppressed)
    }
  }

  package mutating func restoreCourse(from reader: inout StateReader) throws(StateError) {
    let courses = try reader.readArray { (reader) throws(StateError) in
      Course(
        phase: try Course.Phase(from: &reader),
        episode: try reader.readOptional { (reader) throws(StateError) in try Episode(from: &reader) },
        finding: try reader.readOptional { (reader) throws(StateError) in try Finding(from: &reader) },
        evaluatedAt: try reader.readTimestamp(), flags: AlertFlags(rawValue: try reader.read()),
        penalty: FlapPenalty(
          value: try reader.readDouble(), at: try reader.readTimestamp(),
          isSuppressed: try reader.readBool()))
    }
    guard courses.count <= 1 else { throw StateError("\(courses.count) courses of one alert") }
    for course in courses {
      guard (course.episode == nil) == (course.isBeforeOpening),
        course.finding != nil || course.episode == nil,
        (0...FlapSettings.ceiling).contains(course.penalty.value)
      else { throw StateError("an alert's course that cannot be") }
    }
    self = AlertPolicy(openings: openings, course: courses.first)
  }
}

extension AlertPolicy.Course {
  /// Whether its phase is one without an episode.
  fileprivate var isBeforeOpening: Bool {
    switch phase {
    case .quiet, .pending: true
    case .firing, .recovering, .withheld: false
    }
  }
}

extension AlertPolicy.Course.Phase {
  fileprivate func encode(to writer: inout StateWriter) {
    switch self {
    case .quiet: writer.write(UInt8(0))
    case .pending(let since):
      writer.write(UInt8(1))
      writer.write(since)
    case .firing(let clear):
      writer.write(UInt8(2))
      writer.write(clear)
    case .recovering(let since):
      writer.write(UInt8(3))
      writer.write(since)
    case .withheld: writer.write(UInt8(4))
    }
  }

  fileprivate init(from reader: inout StateReader) throws(StateError) {
    switch try reader.read(UInt8.self) {
    case 0: self = .quiet
    case 1: self = .pending(since: try reader.readTimestamp())
    case 2: self = .firing(clear: Int(try reader.readCount()))
    case 3: self = .recovering(since: try reader.readTimestamp())
    case 4: self = .withheld
    case let other: throw StateError("an alert in phase \(other)")
    }
  }
}
