// Programs for tests: a server that admits everything and answers by a rule, and a client that notes what it
// hears.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport

/// A server without exports: every request is one of export 0.
class TestServer: Program {
  var services: [ServiceDescription] = [.mgs]
  /// What every request does once it has its turn.
  var handler: (ServerRequestHandle, ReceivedRequest, inout NodeCore) -> Void = {
    handle, _, core in
    core.rpc.reply(handle, ReplyFields(), turn: &core.turn)
  }
  /// What happens to requests that have arrived; nil: they are admitted.
  var admission: ((ServerRequestHandle, ReceivedRequest, inout NodeCore) -> Bool)?
  var executed: [UInt64] = []
  var arrived: [ReceivedRequest] = []
  var events: [RPCEvent] = []
  var hasReplyMatchBits = true
  var hasIncreasingXIDs = false
  var isRecovering = false

  override func started(_ core: inout NodeCore) {
    for service in services {
      do throws(LNetError) {
        try core.rpc.startService(service, lnet: &core.lnet, turn: &core.turn)
      } catch { preconditionFailure("a service cannot start: \(error)") }
    }
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .arrived:
      let request = core.rpc.received(event.serverRequest)
      arrived.append(request)
      if let admission, !admission(event.serverRequest, request, &core) { return }
      _ = core.rpc.admit(
        event.serverRequest, export: 0, isUrgent: request.body.opcode == .ping,
        isRecovering: isRecovering, hasReplyMatchBits: hasReplyMatchBits,
        hasIncreasingXIDs: hasIncreasingXIDs, turn: &core.turn)
    case .ready:
      let request = core.rpc.received(event.serverRequest)
      executed.append(request.xid)
      handler(event.serverRequest, request, &core)
    case .replied, .timedOut, .failed, .released, .acknowledged, .transferred:
      events.append(event)
    }
  }
}

/// A client that keeps its requests until the test releases them.
class TestClient: Program {
  var events: [RPCEvent] = []
  var releasesAtOnce = false

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    events.append(event)
    if releasesAtOnce, event.kind != .released {
      core.rpc.release(event.request, turn: &core.turn)
    }
  }

  var ends: [RPCEvent] { events.filter { $0.kind != .released } }
}

/// An import's way to a node of the world.
func route(to number: Int, connection: UInt32 = 1) -> ImportRoute {
  ImportRoute(
    server: ProcessID(nid: World.nid(number)), handle: Cookie(rawValue: 0xB064_E37E_5E48_34E9),
    connectionCount: connection)
}

extension RequestDraft {
  static func ping(tag: UInt32 = 0) -> RequestDraft {
    RequestDraft(
      importSlot: 0, opcode: .ping, requestPortal: .mgsRequest, replyPortal: .mgcReply,
      ownerTag: tag)
  }
}

extension NodeCore {
  /// Begins and sends a request whose other buffers are zero.
  mutating func send(
    _ draft: RequestDraft, _ buffers: BufferLengths = BufferLengths(), over route: ImportRoute
  ) throws -> RequestHandle {
    let handle = try rpc.begin(draft, buffers: buffers, turn: &turn)
    rpc.send(handle, over: route)
    return handle
  }
}
