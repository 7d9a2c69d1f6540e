public import LustreWire
internal import PtlRPC
internal import RDMATransport

// Bulk of a request: what its client has laid open beside it, read or written over RDMA (spec 13 §1).
extension TargetRequest {
  /// The most bytes of a buffer for bulk, and of one transfer.
  public static let bulkByteCountMax = 4 << 20

  /// Takes bulk memory of the node that serves the request.
  ///
  /// - Parameter byteCount: 1 to `bulkByteCountMax`.
  /// - Throws: `NodeError`: limit when there is none left, stopped, cancelled.
  public func allocate(byteCount: Int) async throws(NodeError) -> BulkBuffer {
    precondition(byteCount > 0 && byteCount <= Self.bulkByteCountMax)
    return try await owner.inbox.allocate(byteCount: byteCount)
  }

  /// Brings the client's data into the buffer's first bytes: the data of a write.
  ///
  /// When it does not come, the client is not answered whatever the handler returns, and asks again by itself.
  ///
  /// - Parameters:
  ///   - buffer: of the request's node; consumed, and given back with the result when the wire is done with it.
  ///   - byteCount: all that the client has laid open, neither more nor less; nil for the whole buffer.
  /// - Returns: the buffer, and the bytes moved or a `NodeError`: remote, timedOut, cancelled (the request is over),
  ///   stopped, limit, configuration with EINVAL (22) for another node's buffer or a second transfer at a time.
  ///
  /// **Wire:** LNet GET (spec 13 §1, §3), or the message's own data (short I/O, spec 13 §7).
  public func receive(
    into buffer: consuming BulkBuffer, byteCount: Int? = nil
  ) async -> Transfer {
    let count = byteCount ?? buffer.byteCount
    precondition(count > 0 && count <= buffer.byteCount, "more bytes than the buffer has")
    if isShort, buffers.count > 4 {
      guard buffers[4].count == count else {
        return Transfer(buffer: buffer, result: .failure(.unlike("receive", nid)))
      }
      buffer.store(buffers[4])
      return Transfer(buffer: buffer, result: .success(count))
    }
    return await move(.get, "receive", buffer, count)
  }

  /// Sends the buffer's first bytes to where the client has laid memory open: the data of a read. Its reply's status is
  /// how many there are, and the reply's buffers are what belongs before the data.
  ///
  /// - Parameters:
  ///   - buffer: as in `receive`.
  ///   - byteCount: no more than the client has laid open; nil for the whole buffer.
  /// - Returns: as `receive`.
  ///
  /// **Wire:** LNet PUT with ACK (spec 13 §1, §3), or the reply's own data (short I/O, spec 13 §7).
  public func send(_ buffer: consuming BulkBuffer, byteCount: Int? = nil) async -> Transfer {
    let count = byteCount ?? buffer.byteCount
    precondition(count > 0 && count <= buffer.byteCount, "more bytes than the buffer has")
    if isShort {
      flight.keepShort(buffer.prefix(count))
      return Transfer(buffer: buffer, result: .success(count))
    }
    return await move(.put, "send", buffer, count)
  }

  /// The ranges of an object that a READ or WRITE names, in order.
  ///
  /// - Throws: `TargetRefusal` with EPROTO when they are not there.
  ///
  /// **Wire:** `struct niobuf_remote` (spec 13 §5.2).
  public func ranges() throws(TargetRefusal) -> [RemoteRange] {
    guard buffers.count > 2, !buffers[2].isEmpty,
      buffers[2].count.isMultiple(of: RemoteRange.byteCount)
    else { throw TargetRefusal(errno: 71) }
    let buffer = buffers[2]
    let bytes = buffer.rawBytes
    var ranges: [RemoteRange] = []
    for offset in stride(from: 0, to: buffer.count, by: RemoteRange.byteCount) {
      ranges.append(RemoteRange(at: offset, in: bytes, swapped: isSwapped))
    }
    return ranges
  }

  /// Whether the data goes with the messages, as little data may.
  private var isShort: Bool {
    guard opcode == .ostRead || opcode == .ostWrite,
      let attributes = try? value(ObjectAttributes.self)
    else { return false }
    return attributes.valid.contains(.flags) && attributes.flags.contains(.shortIO)
  }

  private func move(
    _ direction: TransferDescription.Direction, _ operation: String, _ buffer: consuming BulkBuffer,
    _ byteCount: Int
  ) async -> Transfer {
    if let error = buffer.refusal(operation, by: owner.inbox) {
      return Transfer(buffer: buffer, result: .failure(error))
    }
    let bulk = ServedBulk(
      direction, buffer.ref.part(offset: 0, length: byteCount), operation, nid)
    let (owner, flight) = (owner, flight)
    let isAsked = owner.inbox.send(isBounded: false) { node, _ in
      owner.begin(bulk, of: flight, &node)
    }
    guard isAsked else {
      return Transfer(buffer: buffer, result: .failure(.stopped(operation, nid)))
    }
    // A handler that is cancelled has its request ended, and with it this.
    return Transfer(buffer: buffer, result: await bulk.call.outcome())
  }
}

/// A transfer of a request that a handler has.
final class ServedBulk: Sendable {
  let direction: TransferDescription.Direction
  let memory: BufferRef
  let operation: String
  let peer: NID
  let call = Call<Int>()

  init(
    _ direction: TransferDescription.Direction, _ memory: BufferRef, _ operation: String,
    _ peer: NID
  ) {
    self.direction = direction
    self.memory = memory
    self.operation = operation
    self.peer = peer
  }

  func finish(_ status: Int32) {
    call.finish(
      status < 0
        ? .failure(NodeError(status: status, operation, peer)) : .success(Int(memory.length)))
  }
}

extension NodeError {
  /// A client has laid open something else than its request says.
  static func unlike(_ operation: String, _ peer: NID) -> NodeError {
    NodeError(
      code: .remote, operation: operation, peer: peer, errno: 71,
      explanation: "the client has laid open something else than that (EPROTO)")
  }
}
