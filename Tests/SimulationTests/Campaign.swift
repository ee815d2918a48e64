import Foundation

/// The sum of many runs, for a report.
struct Campaign {
  private static let progress = 100

  private var seeds = 0
  private var figures = Simulation.Figures()
  private let start = ContinuousClock.now

  mutating func add(_ figures: Simulation.Figures) {
    seeds += 1
    self.figures.add(figures)
    guard seeds % Self.progress == 0 else { return }
    print("simulation: \(seeds) seeds, \(self.figures.events) events, \(seconds) s")
  }

  private var seconds: Int { Int((ContinuousClock.now - start).components.seconds) }

  var summary: String {
    let points = figures.crashPoints.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let states = figures.states.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return """
      simulation, in sum:
        seeds            \(seeds)
        seconds          \(seconds)
        events           \(figures.events)
        starts           \(figures.starts)
        crashes          \(figures.crashes): \(points.joined(separator: ", "))
        commits          \(figures.commits)
        failed commits   \(figures.failedCommits)
        lost tails       \(figures.lostTails)
        acknowledgements \(figures.acknowledgements)
        alerts           \(figures.alerts)
        decisions        \(figures.decisions)
        stored words     \(states.joined(separator: ", "))
        answers          \(figures.answers), denied \(figures.denials)
        handed over      \(figures.handovers), after \(figures.readerCrashes) crashes of readers; \(figures.gaps) gaps told
        most at once     \(figures.mostWaiting) outputs waiting, \(figures.mostActions) actions
      """
  }
}
