import Events
import Testing

@testable import Console

@Suite struct TopStateTests {
  private let size = ScreenSize(columns: 80, rows: 24)

  private func state(_ models: [String]) throws -> TopState {
    var state = TopState(now: Answers.now)
    state.take(.fleet(try Answers.models(models), at: Answers.now, total: models.count, byState: [:]))
    return state
  }

  private func press(_ state: inout TopState, _ keys: String) {
    for key in keys { _ = state.press(.character(key), size) }
  }

  @Test func whatIsSelectedStaysSelectedWhenTheOrderChanges() throws {
    var state = try state([
      Answers.summary("a", urgency: 0.9), Answers.summary("b", urgency: 0.5), Answers.summary("c"),
    ])
    press(&state, "j")
    #expect(state.selectedModel?.model == "b")
    let delta = """
      {"at":"2026-03-02T05:00:01Z","total":3,"by_state":{},"truncated":false,"models":[\(Answers.summary("c", urgency: 0.95))]}
      """
    state.take(.delta(try Answers.decoded(FleetDelta.self, delta)))
    #expect(state.shown.map(\.model) == ["c", "a", "b"])
    #expect(state.selectedModel?.model == "b")
    press(&state, "g")
    #expect(state.selectedModel?.model == "c")
  }

  @Test func nothingIsMovedPastTheEnds() throws {
    var state = try state((0..<5).map { Answers.summary("m\($0)") })
    press(&state, "kkkk")
    #expect(state.selectedRow == 0)
    press(&state, "Gjjj")
    #expect(state.selectedRow == 4)
    var empty = try self.state([])
    press(&empty, "jkGgd")
    _ = empty.press(.enter, size)
    #expect(empty.page == .fleet)
  }

  @Test func theFilterIsOfNameVersionAndState() throws {
    var state = try Answers.state()
    press(&state, "/ALERT")
    #expect(state.isFiltering)
    #expect(state.shown.map(\.model) == ["fraud", "churn", "team/search-ranking-with-a-long-name"])
    press(&state, " 2026")
    #expect(state.shown.map(\.model) == ["churn"])
    _ = state.press(.enter, size)
    #expect(!state.isFiltering)
    _ = state.press(.escape, size)
    #expect(state.shown.count == 9)
    press(&state, "/" + String(repeating: "x", count: 500))
    #expect(state.filter.count == TopState.maximumFilter)
    // A q is a letter there.
    #expect(state.press(.character("q"), size) == .nothing)
    #expect(state.press(.control("c"), size) == .quit)
  }

  @Test func pagesLeadBackOneByOne() throws {
    var state = try Answers.state()
    _ = state.press(.enter, size)
    state.take(.model(try Answers.model()))
    press(&state, "d")
    #expect(state.page == .decision("rt-5a11"))
    press(&state, "a")
    #expect(state.interest == .account)
    for page: TopState.Page in [.decision("rt-5a11"), .model(ModelName("fraud", "7")), .fleet, .fleet] {
      _ = state.press(.escape, size)
      #expect(state.page == page)
    }
    for number in 0..<50 { state.open(.model(ModelName("m\(number)"))) }
    #expect(state.pages.count <= TopState.maximumPages)
  }

  @Test func anAnswerToAPageThatWasLeftIsNotShown() throws {
    var state = try Answers.state()
    state.take(.model(try Answers.model()))
    #expect(state.model == nil)
    state.open(.model(ModelName("churn", "2026-02")))
    state.take(.model(try Answers.model()))
    #expect(state.model == nil)
    state.take(.missing(.model(ModelName("other")), "no such model"))
    #expect(state.missing == nil)
    state.take(.missing(state.interest, "no such model"))
    #expect(state.screen(size).contains { $0.text.contains("no such model") })
  }

  @Test func aTextIsScrolledToItsLastScreenAndNoFurther() throws {
    var state = try Answers.state()
    _ = state.press(.enter, size)
    state.take(.model(try Answers.model()))
    press(&state, "GGG")
    let last = state.screen(size).map(\.text)
    #expect(last.contains { $0.contains("the time rule") })
    press(&state, "k")
    #expect(state.screen(size).map(\.text) != last)
  }

  @Test func sortsInEveryOrder() throws {
    let models = [
      Answers.summary("a", urgency: 0.1, accuracy: 0.9, drift: 5, heard: 9),
      Answers.summary("b", urgency: 0.9, accuracy: 0.95, drift: nil, heard: 5),
      Answers.summary("c", urgency: 0.5, accuracy: 0.5, drift: 1, heard: 0),
    ]
    var state = try state(models)
    let orders: [TopState.Sort: String] = [
      .urgency: "bca", .name: "abc", .drift: "acb", .accuracy: "cab", .newest: "cba",
    ]
    for sort in TopState.Sort.allCases {
      state.sort = sort
      #expect(state.shown.map(\.model).joined() == orders[sort], "\(sort)")
    }
    state.sort = .urgency
    for _ in TopState.Sort.allCases { press(&state, "s") }
    #expect(state.sort == .urgency)
  }

  @Test func theDaemonsClockTellsAges() throws {
    // This machine's clock is an hour behind the daemon's.
    var state = TopState(now: Answers.now.advanced(by: .seconds(-3_600)))
    state.take(
      .fleet(try Answers.models([Answers.summary("a", heard: 9)]), at: Answers.now, total: 1, byState: [:]))
    #expect(state.screen(size).contains { $0.text.contains("a") && $0.text.hasSuffix("10s") })
  }

  @Test func theRateIsBetweenTwoStatusesOfOneRun() throws {
    var state = TopState(now: Answers.now)
    state.take(.status(try Answers.status(received: 1_000, at: "2026-03-02T05:00:00Z")))
    #expect(state.rate == nil)
    state.take(.status(try Answers.status(received: 1_500, at: "2026-03-02T05:00:02Z")))
    #expect(state.rate == 250)
    state.take(.status(try Answers.status(received: 1_500, at: "2026-03-02T05:00:02Z")))
    #expect(state.rate == 250)
  }

  @Test func modelsAreBounded() throws {
    let many = (0..<TopState.maximumModels + 10).map { _ in 0 }
    let one = try Answers.models([Answers.summary("m")])[0]
    let models = many.indices.map { index in
      var model = one
      model.model = "m\(index)"
      return model
    }
    var state = TopState(now: Answers.now)
    state.take(.fleet(models, at: Answers.now, total: models.count, byState: [:]))
    #expect(state.shown.count == TopState.maximumModels)
    var delta = try Answers.decoded(
      FleetDelta.self,
      #"{"at":"2026-03-02T05:00:01Z","total":1,"by_state":{},"truncated":false,"models":[\#(Answers.summary("further"))]}"#
    )
    state.take(.delta(delta))
    #expect(state.shown.count == TopState.maximumModels)
    delta.models[0].model = "m7"
    state.take(.delta(delta))
    #expect(state.shown.count == TopState.maximumModels)
  }

  @Test func backoffGrowsToItsBound() {
    #expect(LiveFeed.backoff(0) == .milliseconds(500))
    #expect(LiveFeed.backoff(3) == .seconds(4))
    #expect(LiveFeed.backoff(1_000_000) == .seconds(15))
  }
}
