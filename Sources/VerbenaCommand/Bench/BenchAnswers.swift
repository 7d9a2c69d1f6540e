internal import BenchKit
internal import Verbena

/// Runs measurements that commands of this host ask a running node for: it alone may use its NID.
///
/// One at a time: the others are told so.
actor BenchAnswers {
  private weak var node: Node?
  private let desk: BenchDesk
  private var isBusy = false

  init(node: Node, desk: BenchDesk) {
    self.node = node
    self.desk = desk
  }

  /// Asks how many operations of the measurement under way have counted so far.
  static let progress = ["bench", "progress"]

  @Sendable nonisolated func answer(_ words: [String]) async -> ControlReply? {
    if words == Self.progress { return .text("\(desk.progressCount)") }
    guard words.first == "bench" else { return nil }
    return await run(words)
  }

  private func run(_ words: [String]) async -> ControlReply {
    guard words.count > 2, let phase = BenchPhase(words: Array(words[1..<words.count - 1])),
      let deadline = words.last.flatMap(UInt64.init)
    else {
      return .failure(
        code: "configuration", explanation: "unknown measurement: \(words.joined(separator: " "))")
    }
    guard let node else { return .failure(code: "stopped", explanation: "the node has stopped") }
    guard !isBusy else {
      return .failure(code: "limit", explanation: "the node measures something else just now")
    }
    isBusy = true
    defer { isBusy = false }
    do {
      let outcome = try await PhaseWatch(
        node: node, desk: desk, deadlineNanoseconds: deadline, display: .nothing
      ).run(phase)
      return .text(outcome.text)
    } catch { return .failure(code: "stopped", explanation: "\(error)") }
  }
}
