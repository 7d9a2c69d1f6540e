internal import BenchKit
internal import Verbena

/// Answers what commands ask of a running node about its imports, exports and targets.
struct LustreAnswers: Sendable {
  let lustre: LustreNode
  /// Answers what is not about these.
  let further: Node.Answerer?

  @Sendable func answer(_ words: [String]) async -> ControlReply? {
    if words.count == 4, words[0] == "object", words[1] == "ls", let cursor = UInt64(words[3]) {
      return await objects(ofTarget: words[2], cursor)
    }
    guard words.count == 2, words[1] == "show", let what = ConnectionsText(rawValue: words[0])
    else { return await further?(words) }
    do throws(NodeError) {
      return .text(try await lustre.node.text(what))
    } catch { return .failure(code: error.code.rawValue, explanation: error.description) }
  }

  /// A page of a target's objects: where to go on, then one to a line.
  private func objects(ofTarget name: String, _ cursor: UInt64) async -> ControlReply {
    do throws(NodeError) {
      let page = try await lustre.objects(ofTarget: name, cursor: cursor)
      return .text(ObjectListText(next: page.cursor, objects: page.objects).encoded)
    } catch { return .failure(code: error.code.rawValue, explanation: error.description) }
  }
}
