import Events
import Foundation

/// `tidemark replay --against`: two configurations over the same input, and where they decide differently.
///
/// Both engines take each step before the next, so what is held is what one step caused: for each model at most
/// 1,000 deadlines that a jump in time passes, of which only alerts and decisions are kept.
package struct Comparison {
  private let configurations: (first: Configuration, second: Configuration)
  private let names: (first: String, second: String)
  private let isJSON: Bool
  private let terminal = Terminal(descriptor: 2)

  /// - Parameters:
  ///   - names: how the two are called in what is printed.
  ///   - isJSON: an object a line instead of words, the summary last.
  package init(
    _ first: Configuration, _ second: Configuration, names: (first: String, second: String), isJSON: Bool
  ) {
    configurations = (first, second)
    self.names = names
    self.isJSON = isJSON
  }

  /// - Returns: success, however much differs; the input's own failures are those of ``Replay``.
  package func run(_ path: String, isStrict: Bool) -> ExitStatus {
    do throws(ReplayInput.Failure) {
      let lineBytes = max(configurations.first.wire.messageBytes, configurations.second.wire.messageBytes)
      var input = try ReplayInput(path, lineBytes: lineBytes)
      // Two configurations are compared over all of it, whatever the daemon had.
      input.followsReloads = false
      var first = ReplayEngine(configurations.first, reportsAssessments: false)
      var second = ReplayEngine(configurations.second, reportsAssessments: false)
      var report = Report(isJSON: isJSON)
      var step = ComparisonStep()
      let failure = try input.forEachStep(named: "compare", on: terminal) {
        read, _ throws(POSIXError) in
        first.take(read) { step.enter($0, of: .first) }
        second.take(read) { step.enter($0, of: .second) }
        if !step.isEmpty { try report.enter(step.take()) }
      } finally: { () throws(POSIXError) in
        try report.finish(names)
      }
      terminal.print(
        "\(input.count) \(input.unit), A rejected \(step.rejected.first), B \(step.rejected.second)")
      let isRejected = step.rejected.first + step.rejected.second > 0
      return failure?.status(isStrict) ?? (isStrict && isRejected ? .data : .success)
    } catch {
      terminal.clearProgress()
      terminal.print(error.words)
      return error.status
    }
  }

  /// Standard output, the summary, and who decided first.
  private struct Report {
    private let isJSON: Bool
    private var buffer = OutputBuffer(descriptor: 1)
    private var summary = ComparisonSummary()
    private var pairs = DecisionPairs()
    private let encoder = JSONEncoder()

    init(isJSON: Bool) {
      self.isJSON = isJSON
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    mutating func enter(_ entries: [ComparisonStep.Entry]) throws(POSIXError) {
      for entry in entries {
        let kind = entry.verdict.kind
        summary.enter(kind, of: entry.side)
        var counterpart: Timestamp?
        if kind == .decision {
          counterpart = pairs.enter(entry)
          if let counterpart, let side = entry.side {
            summary.enter(lead: counterpart.duration(to: entry.publication.time), of: side.other)
          }
        }
        guard let side = entry.side else { continue }
        let difference = Difference(
          verdict: entry.verdict, side: side, publication: entry.publication, counterpart: counterpart)
        try isJSON ? print(difference) : buffer.append(difference.line.utf8)
      }
    }

    mutating func finish(_ names: (first: String, second: String)) throws(POSIXError) {
      if isJSON {
        try print(["summary": summary])
      } else {
        for line in summary.lines(names) { try buffer.append(line.utf8) }
      }
      try buffer.flush()
    }

    private mutating func print(_ value: some Encodable) throws(POSIXError) {
      let line: Data
      // Only a number that is no number could fail, and there is none.
      do { line = try encoder.encode(value) } catch { throw POSIXError(.EILSEQ) }
      try buffer.append(line)
    }
  }
}

/// What one step of the input caused on both sides, and how far the sides agree.
struct ComparisonStep {
  struct Entry {
    var verdict: Verdict
    /// Nil when both sides say it.
    var side: Side?
    var publication: Publication
  }

  private var entries: [Entry] = []
  private(set) var rejected = (first: 0, second: 0)

  var isEmpty: Bool { entries.isEmpty }

  mutating func enter(_ effects: [Effect], of side: Side) {
    for effect in effects {
      switch effect {
      case .account(let remark):
        guard remark.reason.isRefusal else { continue }
        if side == .first { rejected.first += 1 } else { rejected.second += 1 }
      case .answer: break
      case .publish(let publication):
        guard let verdict = Verdict(publication) else { continue }
        entries.append(Entry(verdict: verdict, side: side, publication: publication))
      }
    }
  }

  /// Everything entered since the last call, equal verdicts of the two sides as one, in order of time.
  mutating func take() -> [Entry] {
    // Those of the first side came first; each of the second's meets at most one of them.
    var unmatched: [Verdict: [Int]] = [:]
    var merged: [Entry] = []
    for entry in entries {
      if entry.side == .second, let place = unmatched[entry.verdict]?.popLast() {
        merged[place].side = nil
        continue
      }
      if entry.side == .first { unmatched[entry.verdict, default: []].append(merged.count) }
      merged.append(entry)
    }
    entries.removeAll(keepingCapacity: true)
    // Sorting is not promised to keep equals in order, so their places decide.
    let order = merged.indices.sorted { left, right in
      let times = (merged[left].publication.time, merged[right].publication.time)
      return times.0 == times.1 ? left < right : times.0 < times.1
    }
    return order.map { merged[$0] }
  }
}

/// Finds decisions that both sides make on one model, but not at once.
///
/// On each model's line of decisions, one of one side alone followed by one of the other side alone is such a
/// pair; each decision belongs to at most one, and a decision of both ends the wait. Holds one entry a model.
struct DecisionPairs {
  private var waiting: [ModelKey: (side: Side, time: Timestamp)] = [:]

  /// - Returns: when the other side decided, if this is the second of a pair.
  mutating func enter(_ decision: ComparisonStep.Entry) -> Timestamp? {
    let model = decision.verdict.model
    guard let side = decision.side else {
      waiting[model] = nil
      return nil
    }
    if let earlier = waiting[model], earlier.side != side {
      waiting[model] = nil
      return earlier.time
    }
    waiting[model] = (side, decision.publication.time)
    return nil
  }
}
