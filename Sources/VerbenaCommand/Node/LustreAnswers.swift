internal import BenchKit
internal import Verbena

/// Answers what commands ask of a running node about its imports, exports and targets.
struct LustreAnswers: Sendable {
  let node: Node
  /// Answers what is not about these.
  let further: Node.Answerer?

  @Sendable func answer(_ words: [String]) async -> ControlReply? {
    guard words.count == 2, words[1] == "show", let what = ConnectionsText(rawValue: words[0])
    else { return await further?(words) }
    do throws(NodeError) {
      return .text(try await node.text(what))
    } catch { return .failure(code: error.code.rawValue, explanation: error.description) }
  }
}
