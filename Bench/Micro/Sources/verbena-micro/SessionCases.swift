import CLinuxShims
import Connections
import LNet
import LustreWire
import NodeCore
import PtlRPC
import RDMATransport
import Roles
import Structures

/// Imports and exports in one thread: what CONNECT and OBD_PING cost beside a PUT with its ACK.
func measureSessions() throws {
  let pair = try SessionPair()
  pair.measureAcknowledged()
  pair.measurePing()
  pair.measureConnect()
}

/// Two connected nodes, one with a target that the other is connected to.
final class SessionPair {
  private var a: End
  private var b: End
  private var pinged = ImportHandle.none
  private let target = ObdUUID("bench-OST0000_UUID") ?? ObdUUID()
  /// Imports that are made, connected and closed together.
  private static let setCount = 500

  init() throws {
    let fabric = "micro-sessions-\(clinux_process())"
    var capacity = ConnectionsCapacity()
    capacity.imports = 1 + 2 * Self.setCount
    capacity.exports = 1 + 2 * Self.setCount
    capacity.targets = 1
    var rpc = RPCCapacity()
    rpc.imports = Connections.rpcImportCount(capacity)
    rpc.exports = capacity.exports
    let sessions = End.Sessions(capacity: capacity, rpc: rpc)
    a = try End(fabric: fabric, address: 0x0A00_0001, depth: 128, sessions: sessions)
    b = try End(fabric: fabric, address: 0x0A00_0002, depth: 128, sessions: sessions)
    a.peer = b.nid
    b.peer = a.nid
    try b.serve(target)
    pinged = a.makeImport(target)
    a.connect(pinged)
    while a.connectedCount == 0 { turns(1) }
    turns(100)
  }

  private func turns(_ times: Int) {
    for _ in 0..<times {
      let now = clinux_monotonic_nanoseconds()
      a.node.turn.now = now
      b.node.turn.now = now
      a.turn(echoes: false)
      b.turn(echoes: false)
    }
  }

  func measureAcknowledged() {
    measure("node: PUT and ACK, to and fro") { acknowledged($0) }
  }

  @inline(never)
  private func acknowledged(_ times: Int) {
    for _ in 0..<times {
      let end = a.acknowledgedCount + 1
      a.put(wantsAcknowledge: true)
      while a.acknowledgedCount < end { turns(1) }
    }
  }

  func measurePing() {
    measure("node: OBD_PING, to and fro") { pings($0) }
  }

  @inline(never)
  private func pings(_ times: Int) {
    for _ in 0..<times {
      let end = a.repliedCount + 1
      a.ping(pinged)
      while a.repliedCount < end { turns(1) }
    }
  }

  /// Only the CONNECTs are measured.
  func measureConnect() {
    measureParts("node: CONNECT, one at a time, to FULL") { times in
      var spent: UInt64 = 0
      var left = times
      while left > 0 {
        let count = min(left, Self.setCount)
        left -= count
        let set = (0..<count).map { _ in a.makeImport(target) }
        turns(2)
        let start = clinux_monotonic_nanoseconds()
        connects(set)
        spent += clinux_monotonic_nanoseconds() - start
        let end = a.closedCount + count
        for handle in set {
          let closed = a.closedCount
          a.close(handle)
          while a.closedCount == closed { turns(1) }
          a.remove(handle)
        }
        precondition(a.closedCount == end)
        turns(2)
      }
      return spent
    }
  }

  @inline(never)
  private func connects(_ set: [ImportHandle]) {
    for handle in set {
      let end = a.connectedCount + 1
      a.connect(handle)
      while a.connectedCount < end { turns(1) }
    }
  }
}

extension End {
  mutating func serve(_ target: ObdUUID) throws {
    for description in ServiceDescription.ost {
      try node.rpc.startService(description, lnet: &node.lnet, turn: &node.turn)
    }
    let isAdded =
      node.connections.addTarget(
        TargetDescription(name: target, uuid: target, traits: TargetTraits(kind: .ost))) != nil
    precondition(isAdded)
  }

  mutating func makeImport(_ target: ObdUUID) -> ImportHandle {
    let description = ImportDescription(
      proposal: Proposal(role: .osc), target: target, client: .random(&node.turn.random))
    guard
      let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn),
      node.connections.addConnection(peer, to: handle)
    else { preconditionFailure("no place for an import") }
    return handle
  }

  mutating func connect(_ handle: ImportHandle) {
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  mutating func close(_ handle: ImportHandle) {
    node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  mutating func remove(_ handle: ImportHandle) {
    node.connections.removeImport(handle, turn: &node.turn)
  }

  /// Sends OBD_PING on an import.
  mutating func ping(_ handle: ImportHandle) {
    do throws(RPCError) {
      var draft = node.connections.draft(on: handle, .ping)
      draft.replyByteCount = 512
      let request = try node.connections.begin(
        draft, on: handle, buffers: BufferLengths(), tag: 0, rpc: &node.rpc, turn: &node.turn)
      node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    } catch { preconditionFailure("\(error)") }
  }
}
