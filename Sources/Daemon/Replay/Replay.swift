import Events
import Foundation
import Wire

/// `tidemark replay`: recorded events through the same engine, with the file's own clock.
///
/// One CloudEvents JSON object a line in, or a recording; one object a line out, every assessment included.
/// The same input gives the same bytes, and a recording the bodies that its daemon published.
package struct Replay {
  private let configuration: Configuration
  private let terminal = Terminal(descriptor: 2)

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// - Parameters:
  ///   - path: an NDJSON file or a recording; `-` is standard input.
  ///   - isStrict: a rejected line or message makes the exit status `data`, and so does a recording that is
  ///     torn; the whole file is read all the same.
  package func run(_ path: String, isStrict: Bool) -> ExitStatus {
    do throws(ReplayInput.Failure) {
      var input = try ReplayInput(path, lineBytes: configuration.wire.messageBytes)
      var engine = ReplayEngine(configuration, runsDecisionTimers: input.hasArrivals)
      var outputs = Outputs(configuration, terminal)
      let failure = try input.forEachStep(named: "replay", on: terminal) {
        step, position throws(POSIXError) in
        if step.isEvent { outputs.tally.events += 1 }
        try engine.take(step) { (effects) throws(POSIXError) in
          for effect in effects { try outputs.perform(effect, at: position) }
        }
      } finally: { () throws(POSIXError) in
        try outputs.flush()
      }
      terminal.print(outputs.tally.input(input.count, input.unit, models: engine.modelCount))
      terminal.print(outputs.tally.output)
      return failure?.status(isStrict) ?? (isStrict && outputs.tally.rejected > 0 ? .data : .success)
    } catch {
      terminal.clearProgress()
      terminal.print(error.words)
      return error.status
    }
  }

  /// Standard output, and the account of what went there.
  private struct Outputs {
    private var encoder: PublicationEncoder
    private var buffer = OutputBuffer(descriptor: 1)
    private let terminal: Terminal
    var tally = ReplayTally()

    init(_ configuration: Configuration, _ terminal: Terminal) {
      encoder = PublicationEncoder(name: configuration.name)
      self.terminal = terminal
    }

    mutating func perform(_ effect: Effect, at position: ReplayInput.Position) throws(POSIXError) {
      switch effect {
      case .account(let remark):
        tally.enter(remark)
        guard remark.reason.isRefusal else { return }
        terminal.clearProgress()
        terminal.print("\(position): \(remark)")
      case .answer: break
      case .publish(let publication):
        tally.enter(publication.output)
        encoder.encodeBody(of: publication)
        try buffer.append(encoder.body)
      }
    }

    mutating func flush() throws(POSIXError) { try buffer.flush() }
  }
}
