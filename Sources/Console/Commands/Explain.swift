/// `tidemark explain`: a decision, or why a model is not retrained.
package struct Explain: Sendable {
  private let client: DaemonClient

  package init(_ http: HTTPClient) { client = DaemonClient(http) }

  /// What is asked about could not be told.
  package struct Failure: Error, CustomStringConvertible {
    package enum Kind: Sendable { case unknown, unavailable }
    package let kind: Kind
    package let description: String
  }

  /// What was found: the API's own answer, and the explanation of it.
  package struct Answer: Sendable {
    /// As it came.
    package var body: [UInt8]
    package var lines: [StyledLine]
  }

  /// - Parameter text: a decision's id or the beginning of one, or MODEL or MODEL/VERSION.
  package func about(_ text: String, width: Int) throws(Failure) -> Answer {
    do throws(ClientFailure) {
      if text.hasPrefix("rt-"), let answer = try decision(text, width) { return answer }
      if let answer = try model(text, width) { return answer }
    } catch {
      throw Failure(kind: .unavailable, description: "\(client.http.address): \(error)")
    }
    throw Failure(
      kind: .unknown,
      description: "'\(plain(text))' is no decision that is still kept, and no model that is watched")
  }

  private func decision(_ text: String, _ width: Int) throws(ClientFailure) -> Answer? {
    guard let body = try found(Path.decision(text)) else { return try abbreviated(text, width) }
    let detail = try decode(DecisionDetail.self, from: body)
    return Answer(
      body: body, lines: Explanation.of(detail, model: try client.model(detail.decision.name), width: width))
  }

  /// The one decision whose id begins so.
  private func abbreviated(_ text: String, _ width: Int) throws(ClientFailure) -> Answer? {
    let list = try client.get(Path.decisions, as: DecisionList.self)
    let ids = Set(list.decisions.map(\.id).filter { $0.hasPrefix(text) && $0 != text })
    guard ids.count == 1, let id = ids.first else { return nil }
    return try decision(id, width)
  }

  private func model(_ text: String, _ width: Int) throws(ClientFailure) -> Answer? {
    // A name may hold slashes: the whole text is tried first, then its last part as a version.
    var names = try client.get(Path.models(like: text), as: ModelListAnswer.self).models
      .filter { $0.model == text }.sorted { $0.lastEventAt > $1.lastEventAt }.map(\.name)
    if let slash = text.lastIndex(of: "/"), names.isEmpty {
      names = [ModelName(String(text[..<slash]), String(text[text.index(after: slash)...]))]
    }
    guard let name = names.first, !name.model.isEmpty, !name.version.isEmpty,
      let body = try found(Path.model(name))
    else { return nil }
    var lines = Explanation.of(try decode(ModelDetail.self, from: body), width: width)
    if names.count > 1 {
      let others = names.dropFirst().prefix(5).map { "\($0.model)/\($0.version)" }.joined(separator: ", ")
      lines.append(StyledLine())
      lines.append(StyledLine("The version that was heard last; also watched: \(others)", .dim))
    }
    return Answer(body: body, lines: lines)
  }

  /// Nil when there is none of that name.
  private func found(_ path: String) throws(ClientFailure) -> [UInt8]? {
    do throws(ClientFailure) { return try client.fetch(path) } catch {
      guard case .problem(let status, _, _) = error, status == 404 || status == 400 else { throw error }
      return nil
    }
  }
}
