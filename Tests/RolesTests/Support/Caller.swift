// A node that makes imports by hand and sends requests with buffers of the test's making, each answered in `answers`.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Structures
import Testing

/// What a request brought.
struct Answer: Equatable {
  /// nil when it ended without a reply; `status` then says why.
  var body: RPCBody?
  var status: Int32
  /// The buffers behind the body.
  var buffers: [[UInt8]] = []
  /// The whole message.
  var message: [UInt8] = []

  func value<Value: FixedLayout>(_ type: Value.Type = Value.self, at index: Int = 0) -> Value? {
    guard index < buffers.count, buffers[index].count >= Value.byteCount else { return nil }
    let bytes = buffers[index]
    return Value(at: 0, in: bytes.rawBytes, swapped: false)
  }
}

final class Caller: Program {
  private(set) var imports: [ImportHandle] = []
  private(set) var answers: [UInt32: Answer] = [:]
  private var nextTag: UInt32 = 1
  private var portals: [UInt32: Portal] = [:]

  func connect(
    _ role: ImportRole, to target: String, on node: Int, as client: String = "caller-uuid",
    index: UInt32 = 0
  ) -> ImportHandle? {
    use { core in
      let description = ImportDescription(
        proposal: Proposal(role: role, targetIndex: index), target: ObdUUID(target) ?? ObdUUID(),
        client: ObdUUID(client) ?? ObdUUID())
      guard
        let handle = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
      else { return nil }
      let isAdded = core.connections.addConnection(World.nid(node), to: handle)
      #expect(isAdded)
      core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      imports.append(handle)
      return handle
    }
  }

  func close(_ handle: ImportHandle) {
    use { core in
      core.connections.close(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
  }

  func state(_ handle: ImportHandle) -> ImportState? {
    use { $0.connections.view(handle)?.state }
  }

  /// Sends; the answer comes under the number that is returned.
  func ask(
    _ opcode: Opcode, on handle: ImportHandle, _ buffers: [[UInt8]] = [], portal: Portal? = nil,
    replyByteCount: Int = 4096, source: (portal: Portal, bytes: [UInt8])? = nil
  ) -> UInt32 {
    let tag = nextTag
    nextTag += 1
    use { core in
      var draft = core.connections.draft(on: handle, opcode)
      draft.replyByteCount = replyByteCount
      if let portal { draft.requestPortal = portal }
      if let source, let memory = core.turn.memory.bulk.allocateRun(byteCount: source.bytes.count) {
        // It stays lent: tests that use it look at the server's memory alone.
        var bytes = core.turn.memory.mutableBytes(memory)
        bytes.copy(from: source.bytes.rawBytes)
        draft.bulk = BulkDescription(.source, portal: source.portal, memory: memory)
      }
      var lengths = BufferLengths()
      for buffer in buffers { lengths.append(buffer.count) }
      do {
        let request = try core.connections.begin(
          draft, on: handle, buffers: lengths, tag: tag, rpc: &core.rpc, turn: &core.turn)
        var bytes = core.turn.memory.mutableBytes(core.rpc.message(of: request))
        for (index, buffer) in buffers.enumerated() {
          let start = lengths.offset(of: index + 1)
          for (offset, byte) in buffer.enumerated() {
            bytes.storeNative(byte, at: start + offset)
          }
        }
        core.connections.submit(request, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      } catch { Issue.record("\(opcode) does not begin: \(error)") }
    }
    return tag
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    guard event.kind == .replied || event.kind == .failed, event.tag != 0 else { return }
    var answer = Answer(body: nil, status: event.status)
    if event.kind == .replied {
      do {
        let reply = try core.rpc.reply(to: event.request, turn: &core.turn)
        let bytes = core.turn.memory.bytes(reply.bytes)
        answer.body = reply.body
        answer.message = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
        for index in 1..<max(reply.message.bufferCount, 1) {
          guard let range = reply.message.range(of: index, in: bytes) else { continue }
          answer.buffers.append(Array(answer.message[range]))
        }
      } catch { Issue.record("a reply cannot be read: \(error)") }
    }
    answers[event.tag] = answer
    core.connections.release(event.request, rpc: &core.rpc, turn: &core.turn)
  }
}
