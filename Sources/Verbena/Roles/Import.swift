package import Connections
internal import LNet
public import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures
internal import Synchronization

/// What a connection to a target is for: it decides the opcode of the CONNECT, the portals, and what is proposed
/// (spec 11 §1.1, §4.3).
public enum ConnectionRole: String, Sendable, CaseIterable {
  /// A client of the management server.
  case mgc
  /// A file system's client at a metadata target.
  case mdc
  /// A file system's client at an object target.
  case osc
  /// A metadata target at an object target.
  case osp
  /// A server at a metadata target, for the auxiliary services.
  case lwp

  /// The role in which a client connects to a target of this name: `MGS`, `fsname-MDT0000_UUID`, `fsname-OST0000_UUID`.
  public static func ofClient(at target: ObdUUID) -> ConnectionRole {
    let name = target.description
    if name == "MGS" { return .mgc }
    return name.contains("-MDT") ? .mdc : .osc
  }
}

/// A connection of this node to a target elsewhere: an import (spec 11 §9).
///
/// It pings, reconnects and recovers by itself until `disconnect`. Thread rule: any.
public final class Import: Sendable {
  /// The target's UUID.
  public let target: ObdUUID
  /// What it is for.
  public let role: ConnectionRole
  let node: Node
  let handle: ImportHandle
  private let progress: ImportProgress

  init(
    target: ObdUUID, role: ConnectionRole, node: Node, handle: ImportHandle,
    progress: ImportProgress
  ) {
    self.target = target
    self.role = role
    self.node = node
    self.handle = handle
    self.progress = progress
  }

  /// Sends a request and waits for its reply.
  ///
  /// - Parameters:
  ///   - opcode: what is asked.
  ///   - buffers: the buffers behind the message's body, as the spec lays them out for the opcode; up to 30.
  ///   - replyByteCount: how long the reply's message may be, 208 to 1048576 bytes.
  ///   - timeout: then the request is given up; while the import is not FULL, it waits.
  /// - Returns: the reply, whatever its status.
  /// - Throws: `NodeError`: timedOut, cancelled, stopped, limit, remote (no reply will come).
  ///
  /// **Wire:** `struct lustre_msg_v2`, `struct ptlrpc_body` (spec 10 §2, §4).
  public func request(
    _ opcode: Opcode, buffers: [[UInt8]] = [], replyByteCount: Int = 4096,
    timeout: Duration = .seconds(100)
  ) async throws(NodeError) -> ImportReply {
    let handle = handle
    let target = target
    return try await node.inbox.run("\(opcode)") { node, operations, call in
      guard let view = node.connections.view(handle) else {
        return call.finish(.failure(.notConnected("\(opcode)", target)))
      }
      let peer = view.connections.current?.nid
      let flight = RequestFlight(name: "\(opcode)", peer: peer)
      let deadline = node.turn.now.advanced(by: timeout)
      let tag = operations.begin(deadline: deadline, &node) { signal, node, _ in
        flight.advance(signal, &node, call)
      }
      call.tag.store(tag, ordering: .relaxed)
      do throws(RPCError) {
        var draft = node.connections.draft(on: handle, opcode)
        draft.replyByteCount = replyByteCount
        var lengths = BufferLengths()
        for buffer in buffers { lengths.append(buffer.count) }
        let request = try node.connections.begin(
          draft, on: handle, buffers: lengths, tag: Operations.ownerNumber(tag), rpc: &node.rpc,
          turn: &node.turn)
        flight.request = request
        let message = node.rpc.message(of: request)
        for (index, buffer) in buffers.enumerated() where !buffer.isEmpty {
          var bytes = node.turn.memory.mutableBytes(lengths.place(of: index + 1, in: message))
          bytes.copy(from: buffer.rawBytes)
        }
        node.connections.submit(
          request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
      } catch {
        operations.end(tag, &node)
        call.finish(.failure(NodeError(error, "\(opcode)", peer)))
      }
    }
  }

  /// Asks the target whether it is there (OBD_PING).
  ///
  /// - Parameter timeout: then it is given up; while the import is not FULL, it waits.
  /// - Throws: as `request`; remote also for a refusal.
  ///
  /// **Wire:** OBD_PING (spec 11 §9.7).
  public func ping(timeout: Duration = .seconds(10)) async throws(NodeError) {
    let reply = try await request(.ping, replyByteCount: 512, timeout: timeout)
    if reply.status != 0 { throw NodeError(status: reply.status, "OBD_PING", nil) }
  }

  /// Leaves the target, and waits until it knows or its time has passed. What is under way fails.
  public func disconnect() async {
    let ended = Call<Bool>()
    let handle = handle
    let progress = progress
    let isTaken = node.inbox.send(isBounded: false) { node, _ in
      guard !progress.isClosed, node.connections.view(handle) != nil else {
        return ended.finish(.success(true))
      }
      progress.closeCalls.append(ended)
      node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    }
    if isTaken { _ = await ended.outcome() }
  }

  /// What was proposed and what was granted, as text.
  package func negotiation() async throws(NodeError) -> String {
    guard let view = try await view() else { throw .notConnected("connect", target) }
    return ConnectionsText.negotiation(view)
  }

  /// A picture of it as it is now; nil when it is no more.
  package func view() async throws(NodeError) -> ImportView? {
    let handle = handle
    return try await node.inbox.run("import") { node, _, call in
      call.finish(.success(node.connections.view(handle)))
    }
  }
}

/// What a target has answered.
public struct ImportReply: Sendable {
  /// 0, or a negative errno of the wire's numbering.
  public var status: Int32
  /// The highest transaction that the target calls durable.
  public var lastCommitted: UInt64
  /// The transaction of the request; 0 when it changed nothing.
  public var transno: UInt64
  /// The buffers behind the message's body.
  public var buffers: [[UInt8]]
  /// The target's numbers have the other byte order.
  let isSwapped: Bool
}

extension Node {
  /// Connects to a target.
  ///
  /// - Parameters:
  ///   - target: its UUID, such as `lfs-OST0000_UUID`; `MGS`.
  ///   - nids: where it may be found, tried in turn: one to eight.
  ///   - role: nil for that of a client; one that the target's name does not take is refused.
  ///   - client: how the target knows us; nil for a name by chance.
  ///   - timeout: until it must be FULL; attempts that fail are made again until then.
  ///   - isPatient: false to give up when it has been refused as often as there are NIDs.
  /// - Throws: `NodeError`: configuration, unreachable (no NID on any of their networks), limit, remote, timedOut,
  ///   cancelled, stopped.
  ///
  /// **Wire:** MDS_CONNECT, OST_CONNECT, MGS_CONNECT (spec 11 §3, §4).
  public func connect(
    to target: ObdUUID, at nids: [NID], role: ConnectionRole? = nil, client: ObdUUID? = nil,
    timeout: Duration = .seconds(50), isPatient: Bool = true
  ) async throws(NodeError) -> Import {
    let role = role ?? .ofClient(at: target)
    guard (1...ConnectionList.countMax).contains(nids.count) else {
      throw NodeError(
        code: .configuration, operation: "connect",
        explanation: "\(nids.count) NIDs of \(target): give 1 to \(ConnectionList.countMax)")
    }
    guard let proposal = role.proposal(to: target) else {
      throw NodeError(
        code: .configuration, operation: "connect",
        explanation: "\(target) takes no \(role.rawValue): that is for \(role.targets)")
    }
    let progress = ImportProgress(target: target, nids: nids, isPatient: isPatient)
    let handle: ImportHandle = try await inbox.run("connect") { node, operations, call in
      if let error = NodeError.withoutWay(to: nids, "connect", node) {
        return call.finish(.failure(error))
      }
      progress.openCall = call
      let deadline = node.turn.now.advanced(by: timeout)
      let tag = operations.begin(deadline: deadline, &node) { signal, node, _ in
        progress.advance(signal, &node)
      }
      call.tag.store(tag, ordering: .relaxed)
      var random = node.turn.random
      var description = ImportDescription(
        proposal: proposal, target: target, client: client ?? ObdUUID.random(&random))
      node.turn.random = random
      description.tag = Operations.ownerNumber(tag)
      guard
        let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
      else {
        operations.end(tag, &node)
        return call.finish(
          .failure(
            NodeError(
              code: .limit, operation: "connect", peer: nids.first,
              explanation: "the node keeps no more imports: disconnect some, or give it more")))
      }
      progress.handle = handle
      for nid in nids { _ = node.connections.addConnection(nid, to: handle) }
      node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    }
    return Import(
      target: target, role: role, node: self, handle: handle, progress: progress)
  }
}

extension NodeError {
  static func notConnected(_ operation: String, _ target: ObdUUID) -> NodeError {
    NodeError(
      code: .configuration, operation: operation,
      explanation: "the connection to \(target) has been given up")
  }

  /// A request that could not be made.
  init(_ error: RPCError, _ operation: String, _ peer: NID?) {
    switch error {
    case .busy:
      self.init(
        code: .limit, operation: operation, peer: peer,
        explanation: "the node has no room for another request: wait for some to end")
    case .tooLong:
      self.init(
        code: .configuration, operation: operation, peer: peer, errno: 90,
        explanation: "longer than a request or a reply may be (EMSGSIZE)")
    }
  }
}
