internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// An import that a caller has made, from its first attempt until it is closed. Loop only.
final class ImportProgress: @unchecked Sendable {
  private let target: ObdUUID
  private let peer: NID?
  /// Refusals after which it is given up; nil for never.
  private var refusalsLeft: Int?
  var handle = ImportHandle.none
  /// Who waits until it is FULL for the first time.
  var openCall: Call<ImportHandle>?
  var closeCalls: [Call<Bool>] = []
  private(set) var isClosed = false
  private var lastStatus: Int32 = 0

  /// - Parameter nids: where the target may be.
  init(target: ObdUUID, nids: [NID], isPatient: Bool) {
    self.target = target
    peer = nids.first
    refusalsLeft = isPatient ? nil : nids.count
  }

  func advance(_ signal: Operations.Signal, _ node: inout NodeCore) -> Operations.Step {
    switch signal {
    case .connections(let event): return advance(event, &node)
    case .event: return .goesOn
    case .deadline:
      let status = lastStatus == 0 ? WireErrno.etimedout.status : lastStatus
      giveUp(failure(status, "was not connected in time", node), &node)
    case .cancelled: giveUp(.cancelled("connect", peer), &node)
    case .stopped:
      finishOpening(.failure(.stopped("connect", peer)))
      finishClosing()
      return .done
    }
    return .goesOn
  }

  private func advance(
    _ event: ConnectionsEvent, _ node: inout NodeCore
  ) -> Operations.Step {
    switch event.kind {
    case .connected: finishOpening(.success(handle))
    case .attemptFailed:
      lastStatus = event.status
      if let refusalsLeft, Self.isRefusal(event.status) {
        self.refusalsLeft = refusalsLeft - 1
        // Each of its nodes may say so: the target is at one of them.
        if refusalsLeft <= 1 {
          giveUp(failure(event.status, "refused the connection", node), &node)
        }
      }
    case .closed:
      let status = event.status == 0 ? lastStatus : event.status
      finishOpening(.failure(failure(status, "was not connected", node)))
      node.connections.removeImport(handle, turn: &node.turn)
      finishClosing()
      return .done
    default: break
    }
    return .goesOn
  }

  /// One that has not been sent, because the node there is not discovered yet, is no refusal, and a target that is
  /// busy is asked again itself.
  private static func isRefusal(_ status: Int32) -> Bool {
    status != WireErrno.etimedout.status && status != WireErrno.ebusy.status
      && status != WireErrno.eagain.status
  }

  /// - Returns: what came of the last attempt, and where.
  private func failure(
    _ status: Int32, _ what: String, _ node: borrowing NodeCore
  ) -> NodeError {
    let last = node.connections.view(handle)?.connections.current?.nid
    var error = NodeError(status: status, "connect", last ?? peer)
    let name = WireErrno(status: status)?.name.map { "\($0)" } ?? "errno \(-status)"
    let hint = error.explanation == name ? "" : ": \(error.explanation)"
    error.explanation = "\(target) \(what) (\(name))\(hint)"
    return error
  }

  /// Nobody waits any more for what is not there.
  private func giveUp(_ error: NodeError, _ node: inout NodeCore) {
    guard openCall != nil else { return }
    finishOpening(.failure(error))
    node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private func finishOpening(_ outcome: Result<ImportHandle, NodeError>) {
    openCall?.finish(outcome)
    openCall = nil
  }

  private func finishClosing() {
    isClosed = true
    for call in closeCalls { call.finish(.success(true)) }
    closeCalls = []
  }
}

/// A request that a caller waits for. Loop only.
final class RequestFlight {
  private let name: String
  private let peer: NID?
  var request = RequestHandle.none

  init(name: String, peer: NID?) {
    self.name = name
    self.peer = peer
  }

  func advance(
    _ signal: Operations.Signal, _ node: inout NodeCore, _ call: Call<ImportReply>
  ) -> Operations.Step {
    switch signal {
    case .connections(let event):
      guard event.kind == .replied || event.kind == .failed else { return .goesOn }
      call.finish(outcome(event, &node))
    case .event: return .goesOn
    case .deadline: call.finish(.failure(NodeError(status: WireErrno.etimedout.status, name, peer)))
    case .cancelled: call.finish(.failure(.cancelled(name, peer)))
    case .stopped: call.finish(.failure(.stopped(name, peer)))
    }
    node.connections.release(request, rpc: &node.rpc, turn: &node.turn)
    return .done
  }

  private func outcome(
    _ event: ConnectionsEvent, _ node: inout NodeCore
  ) -> Result<ImportReply, NodeError> {
    guard event.kind == .replied else {
      return .failure(NodeError(status: event.status, name, peer))
    }
    do throws(WireError) {
      let reply = try node.rpc.reply(to: request, turn: &node.turn)
      let bytes = node.turn.memory.bytes(reply.bytes)
      var buffers: [[UInt8]] = []
      for index in 1..<max(1, reply.message.bufferCount) {
        let buffer = try reply.message.buffer(index, in: bytes)
        var copy = [UInt8](repeating: 0, count: buffer.byteCount)
        for offset in copy.indices { copy[offset] = buffer.byte(at: offset) }
        buffers.append(copy)
      }
      return .success(
        ImportReply(
          status: event.status, lastCommitted: reply.body.lastCommitted,
          transno: reply.body.transno, buffers: buffers,
          isSwapped: reply.message.swapped))
    } catch {
      return .failure(
        NodeError(
          code: .remote, operation: name, peer: peer, errno: 71,
          explanation: "its reply makes no sense: \(error)"))
    }
  }
}
