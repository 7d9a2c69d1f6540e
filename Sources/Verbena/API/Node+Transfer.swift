internal import LNet
public import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Synchronization

/// A finished transfer: the memory, and what came of it.
@frozen
public struct Transfer: ~Copyable, Sendable {
  /// The caller's memory, given back.
  public var buffer: BulkBuffer
  /// Bytes moved, or why not.
  public let result: Result<Int, NodeError>

  /// The memory, for the next transfer.
  public consuming func takeBuffer() -> BulkBuffer { buffer }

  init(buffer: consuming BulkBuffer, result: Result<Int, NodeError>) {
    self.buffer = buffer
    self.result = result
  }
}

/// Where a transfer goes to: the node, the portal and the match bits of what it has exposed there.
public struct TransferTarget: Sendable {
  /// Any NID of the node.
  public var nid: NID
  /// 0 to 63.
  public var portal: Portal
  /// What must match there.
  public var matchBits: UInt64
  /// Bytes from the start of the exposed memory.
  public var offset: UInt32

  /// - Parameter offset: bytes from the start of the exposed memory.
  public init(nid: NID, portal: Portal, matchBits: UInt64, offset: UInt32 = 0) {
    self.nid = nid
    self.portal = portal
    self.matchBits = matchBits
    self.offset = offset
  }
}

extension Node {
  /// Takes bulk memory of the node.
  ///
  /// - Parameter byteCount: 1 to 1048576 (`LNetLimits.maximumPayloadBytes`).
  /// - Throws: `NodeError.limit` when there is none left.
  public func allocate(byteCount: Int) async throws(NodeError) -> BulkBuffer {
    precondition(byteCount > 0 && byteCount <= Int(LNetLimits.maximumPayloadBytes))
    return try await inbox.allocate(byteCount: byteCount)
  }

  /// Writes the buffer's first bytes into memory that a node has exposed (LNet PUT).
  ///
  /// - Parameters:
  ///   - buffer: of this node; consumed, and given back with the result.
  ///   - byteCount: how much of it; nil for all.
  ///   - acknowledged: wait for the peer's ACK, and return what it deposited; else the result only says
  ///     that the bytes have been sent.
  ///   - timeout: after it the transfer is given up; it still ends only when the wire is done with the buffer.
  /// - Returns: the buffer, and the bytes moved or a `NodeError` as `get` has.
  public func put(
    _ buffer: consuming BulkBuffer, byteCount: Int? = nil, to target: TransferTarget,
    acknowledged: Bool = true, timeout: Duration = .seconds(50)
  ) async -> Transfer {
    if let error = buffer.refusal("put", byteCount, by: inbox) {
      return Transfer(buffer: buffer, result: .failure(error))
    }
    let part = buffer.ref.part(offset: 0, length: byteCount ?? buffer.byteCount)
    let result = await transfer(
      "put", part, target, timeout, last: acknowledged ? .acknowledge : .send
    ) {
      (node, descriptor) throws(LNetError) in
      try node.lnet.put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: target.nid), portal: target.portal,
          matchBits: target.matchBits, offset: target.offset, wantsAcknowledge: acknowledged),
        turn: &node.turn)
    }
    return Transfer(buffer: buffer, result: result)
  }

  /// Reads memory that a node has exposed into the buffer's first bytes (LNet GET).
  ///
  /// - Parameters:
  ///   - buffer: of this node; consumed, and given back with the result.
  ///   - byteCount: how much is asked for; nil for the whole buffer. What comes may be less only if
  ///     `mayBeShort` is said.
  ///   - mayBeShort: whether the peer may have less than that.
  ///   - timeout: after it the transfer is given up; it still ends only when the wire is done with the buffer.
  /// - Returns: the buffer, and the bytes read or a `NodeError`: unreachable, timedOut, remote, cancelled, limit, stopped;
  ///   configuration with EINVAL (22) for another node's buffer, or one that has not so many bytes.
  public func get(
    into buffer: consuming BulkBuffer, byteCount: Int? = nil, from target: TransferTarget,
    mayBeShort: Bool = false, timeout: Duration = .seconds(50)
  ) async -> Transfer {
    if let error = buffer.refusal("get", byteCount, by: inbox) {
      return Transfer(buffer: buffer, result: .failure(error))
    }
    let part = buffer.ref.part(offset: 0, length: byteCount ?? buffer.byteCount)
    let result = await transfer("get", part, target, timeout, last: .reply) {
      (node, descriptor) throws(LNetError) in
      try node.lnet.get(
        GetRequest(
          descriptor: descriptor, target: ProcessID(nid: target.nid), portal: target.portal,
          matchBits: target.matchBits, offset: target.offset, mayBeShort: mayBeShort),
        turn: &node.turn)
    }
    return Transfer(buffer: buffer, result: result)
  }

  private typealias Start =
    @Sendable (inout NodeCore, DescriptorHandle) throws(LNetError) -> Void

  /// Binds a descriptor to the memory, starts the LNet call and waits until the descriptor is gone.
  private func transfer(
    _ name: String, _ memory: BufferRef, _ target: TransferTarget, _ timeout: Duration,
    last: LNetEvent.Kind, _ start: @escaping Start
  ) async -> Result<Int, NodeError> {
    do throws(NodeError) {
      return .success(
        try await inbox.run(name) { node, operations, call in
          Self.begin(name, memory, target, timeout, last, start, &node, &operations, call)
        })
    } catch {
      return .failure(error)
    }
  }

  private static func begin(
    _ name: String, _ memory: BufferRef, _ target: TransferTarget, _ timeout: Duration,
    _ last: LNetEvent.Kind, _ start: Start, _ node: inout NodeCore,
    _ operations: inout Operations, _ call: Call<Int>
  ) {
    let progress = TransferProgress(name: name, peer: target.nid, last: last)
    let deadline = node.turn.now.advanced(by: timeout)
    let tag = operations.begin(deadline: deadline, &node) { signal, node, _ in
      progress.advance(signal, &node, call)
    }
    call.tag.store(tag, ordering: .relaxed)
    let operationCount: Int32 = last == .send ? 1 : 2
    do throws(LNetError) {
      let descriptor = try node.lnet.bind(
        MemoryDescriptor(memory: memory, threshold: operationCount, tag: tag))
      progress.descriptor = descriptor
      try start(&node, descriptor)
    } catch {
      // The descriptor's own end, if it was bound, comes under a tag that nobody waits for any more.
      if progress.descriptor != .none {
        try? node.lnet.unlink(progress.descriptor, turn: &node.turn)
      }
      operations.end(tag, &node)
      call.finish(.failure(NodeError(error, name, target.nid)))
    }
  }
}

extension Inbox {
  /// Takes bulk memory of the node.
  func allocate(byteCount: Int) async throws(NodeError) -> BulkBuffer {
    let lent: LentMemory = try await run("allocate") { node, operations, call in
      if operations.isOver {
        call.finish(.failure(.stopped("allocate", nil)))
        return
      }
      guard let ref = node.turn.memory.bulk.allocateRun(byteCount: byteCount) else {
        call.finish(
          .failure(
            NodeError(
              code: .limit, operation: "allocate",
              explanation: "no \(byteCount) bytes in one piece left of the node's bulk memory: "
                + "drop other buffers, or give the node more")))
        return
      }
      operations.lentBufferCount += 1
      let address = UInt(node.turn.memory.address(ref))
      call.finish(.success(LentMemory(ref: ref, address: address)))
    }
    return BulkBuffer(ref: lent.ref, address: lent.address, home: self)
  }
}
