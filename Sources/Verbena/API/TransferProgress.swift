internal import LNet
internal import LustreWire
internal import NodeCore

/// What has come in of a transfer so far.
final class TransferProgress {
  private let name: String
  private let peer: NID
  private let last: LNetEvent.Kind
  private var movedByteCount = 0
  private var status: Int32 = 0
  private var error: NodeError?
  var descriptor = DescriptorHandle.none

  /// - Parameter last: the event that says how much was moved.
  init(name: String, peer: NID, last: LNetEvent.Kind) {
    self.name = name
    self.peer = peer
    self.last = last
  }

  func advance(
    _ signal: Operations.Signal, _ node: inout NodeCore, _ call: Call<Int>
  ) -> Operations.Step {
    switch signal {
    case .event(let event):
      if event.status != 0 && status == 0 { status = event.status }
      if event.kind == last { movedByteCount = Int(event.movedLength) }
      guard event.isUnlinked else { return .goesOn }
      call.finish(outcome)
      return .done
    case .connections: break
    case .deadline: giveUp(NodeError(status: -110, name, peer), &node)
    case .cancelled: giveUp(.cancelled(name, peer), &node)
    case .stopped:
      call.finish(.failure(.stopped(name, peer)))
      return .done
    }
    return .goesOn
  }

  private var outcome: Result<Int, NodeError> {
    if let error { return .failure(error) }
    return status == 0 ? .success(movedByteCount) : .failure(NodeError(status: status, name, peer))
  }

  /// Takes the descriptor away; its last event follows, when the wire is done with the memory.
  private func giveUp(_ reason: NodeError, _ node: inout NodeCore) {
    if error == nil { error = reason }
    try? node.lnet.unlink(descriptor, turn: &node.turn)
  }
}
