internal import Connections
public import LustreWire
internal import RDMATransport
internal import Roles

/// An object target that this node is connected to, and its objects (spec 13).
///
/// The target takes its own locks for what is read and written. While the connection is away, calls wait for it, each
/// until its timeout, 100 s unless said otherwise; then it is given up, as when its task is cancelled. A call that has
/// given a buffer to the wire ends only when that is done with it. What is written is durable after `sync`.
/// At most 64 calls of a node are under way at a time (`NodeError.limit`). Thread rule: any.
public struct ObjectTarget: Sendable {
  /// `lfs-OST0000_UUID`.
  public let name: ObdUUID
  private let owner: LustreNode
  private let handle: ImportHandle

  init(name: ObdUUID, owner: LustreNode, handle: ImportHandle) {
    self.name = name
    self.owner = owner
    self.handle = handle
  }

  /// Makes an empty object in the sequence that Lustre's own echo client uses, apart from the files of a file system.
  ///
  /// - Returns: its name, which the target chooses.
  /// - Throws: `NodeError`: remote with the target's errno, timedOut, cancelled, limit, stopped.
  ///
  /// **Wire:** OST_CREATE (spec 13 §5.3).
  public func create(timeout: Duration = .seconds(100)) async throws(NodeError) -> ObjectID {
    try await perform(ObjectWish(.create, .echo(1)), timeout).attributes.object
  }

  /// Writes the buffer's first bytes to an object: over RDMA from where they are, with a checksum when the target has
  /// granted one.
  ///
  /// - Parameters:
  ///   - buffer: of the target's node; consumed, and given back with the result when the wire is done with it.
  ///   - byteCount: how many; nil for all.
  ///   - object: exists already; it grows as needed.
  ///   - offset: where in the object, in bytes.
  /// - Returns: the bytes written, or a `NodeError` as `create` throws; configuration with EINVAL (22) for another node's
  ///   buffer, or one that has not so many bytes.
  ///
  /// **Wire:** OST_WRITE (spec 13 §5).
  public func write(
    _ buffer: consuming BulkBuffer, byteCount: Int? = nil, to object: ObjectID,
    at offset: UInt64 = 0, timeout: Duration = .seconds(100)
  ) async -> Transfer {
    await transfer(.write, buffer, byteCount, object, offset, timeout)
  }

  /// Reads bytes of an object into the buffer's first bytes.
  ///
  /// - Parameters:
  ///   - buffer: of the target's node; consumed, and given back with the result when the wire is done with it.
  ///   - byteCount: how many; nil for as many as the buffer holds.
  ///   - offset: where in the object, in bytes.
  /// - Returns: the bytes read, fewer than asked for only at the object's end; or a `NodeError` as `write` has.
  ///
  /// **Wire:** OST_READ (spec 13 §5).
  public func read(
    into buffer: consuming BulkBuffer, byteCount: Int? = nil, from object: ObjectID,
    at offset: UInt64 = 0, timeout: Duration = .seconds(100)
  ) async -> Transfer {
    await transfer(.read, buffer, byteCount, object, offset, timeout)
  }

  /// How long an object is and when it was changed; fields count whose bits `valid` has.
  ///
  /// - Throws: as `create`; remote with ENOENT (2) when there is no such object.
  ///
  /// **Wire:** OST_GETATTR (spec 13 §5.3).
  public func attributes(
    of object: ObjectID, timeout: Duration = .seconds(100)
  ) async throws(NodeError) -> ObjectAttributes {
    try await perform(ObjectWish(.getAttributes, object), timeout).attributes
  }

  /// Makes an object so many bytes long: cuts it, or lets it grow with zeros.
  ///
  /// - Throws: as `create`.
  ///
  /// **Wire:** OST_PUNCH (spec 13 §5.3).
  public func truncate(
    _ object: ObjectID, to byteCount: UInt64, timeout: Duration = .seconds(100)
  ) async throws(NodeError) {
    var wish = ObjectWish(.punch, object)
    wish.offset = byteCount
    _ = try await perform(wish, timeout)
  }

  /// Waits until an object, or with nil everything of the target, survives a crash of its server.
  ///
  /// - Throws: as `create`.
  ///
  /// **Wire:** OST_SYNC (spec 13 §5.3).
  public func sync(
    _ object: ObjectID? = nil, timeout: Duration = .seconds(100)
  ) async throws(NodeError) {
    _ = try await perform(ObjectWish(.sync, object ?? ObjectID()), timeout)
  }

  /// Removes an object.
  ///
  /// - Throws: as `create`; remote with ENOENT (2) when there is no such object.
  ///
  /// **Wire:** OST_DESTROY (spec 13 §5.3).
  public func remove(
    _ object: ObjectID, timeout: Duration = .seconds(100)
  ) async throws(NodeError) {
    _ = try await perform(ObjectWish(.destroy, object), timeout)
  }

  /// How full the target is.
  ///
  /// - Throws: as `create`.
  ///
  /// **Wire:** OST_STATFS, `struct obd_statfs`.
  public func statistics(timeout: Duration = .seconds(100)) async throws(NodeError) -> Statfs {
    try await perform(ObjectWish(.statistics), timeout).statistics
  }

  private func perform(
    _ wish: ObjectWish, _ timeout: Duration
  ) async throws(NodeError) -> ObjectResult {
    try await owner.object(wish, onImport: handle, timeout: timeout)
  }

  private func transfer(
    _ action: ObjectWish.Action, _ buffer: consuming BulkBuffer, _ byteCount: Int?,
    _ object: ObjectID, _ offset: UInt64, _ timeout: Duration
  ) async -> Transfer {
    if let error = buffer.refusal("object \(action)", byteCount, by: owner.node.inbox) {
      return Transfer(buffer: buffer, result: .failure(error))
    }
    var wish = ObjectWish(action, object)
    wish.offset = offset
    wish.memory = buffer.ref.part(offset: 0, length: byteCount ?? buffer.byteCount)
    do throws(NodeError) {
      let result = try await owner.object(wish, onImport: handle, timeout: timeout)
      return Transfer(buffer: buffer, result: .success(result.byteCount))
    } catch { return Transfer(buffer: buffer, result: .failure(error)) }
  }
}

extension Import {
  /// The objects of the target, when it is an object target that this node is connected to as `.osc`.
  ///
  /// - Throws: `NodeError.configuration` when it is none.
  public func objects() throws(NodeError) -> ObjectTarget {
    guard let desk = node.desk, role == .osc else {
      throw NodeError(
        code: .configuration, operation: "objects",
        explanation: "\(target) is connected to as \(role), not as osc: it has no objects for us")
    }
    return ObjectTarget(
      name: target, owner: LustreNode(node: node, desk: desk), handle: handle)
  }
}
