import ArgumentParser
import Console
import Daemon

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Why is a model retrained, or why is it not?",
    discussion: """
      Of a decision: the rule that fired with its numbers, what it rests on, what was lost of it, its life and what \
      falls due. Of a model: each rule, how far it is from firing, what stands in the way and until when. Ends with \
      status 66 when there is none of that name, 69 when no daemon answers.

        tidemark explain rt-5a114325429f0abf5f51b442434d79b615c0572a
        tidemark explain fraud            the version that was heard last
        tidemark explain fraud/7 --json   what the API answers
      """)

  @Argument(help: "A decision's id or the beginning of one, or MODEL or MODEL/VERSION.")
  var id: String

  @OptionGroup var options: HTTPOptions

  @Flag(help: "The API's own answer.")
  var json = false

  func run() throws {
    let http = try options.http()
    let output = LineOutput(environment: Surroundings.variables)
    do throws(Explain.Failure) {
      let answer = try Explain(http).about(id, width: output.width)
      if json { print(String(decoding: answer.body, as: UTF8.self)) } else { output.print(answer.lines) }
    } catch {
      Terminal(descriptor: 2).print("tidemark: \(error.description)")
      try (error.kind == .unknown ? ExitStatus.noInput : .unavailable).end()
    }
  }
}
