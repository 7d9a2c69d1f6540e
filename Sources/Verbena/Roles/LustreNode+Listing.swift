internal import Connections
package import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Roles
internal import Storage

/// An object as its target's disk has it.
package struct ListedObject: Sendable {
  package var object: ObjectID
  /// Its size in bytes.
  package var byteCount: UInt64
  /// When it was changed, in seconds since 1970, as its clients have said; 0 when none has.
  package var modificationTime: Int64

  package init(_ object: ObjectID, byteCount: UInt64, modificationTime: Int64) {
    self.object = object
    self.byteCount = byteCount
    self.modificationTime = modificationTime
  }
}

/// A part of the list of a target's objects.
package struct ObjectPage: Sendable {
  package var objects: [ListedObject]
  /// Where to go on; 0 at the end.
  package var cursor: UInt64
}

extension LustreNode {
  /// The objects of one page: 64 KiB of memory.
  private static let pageCount = 2048

  /// Which objects a target of this node has, in no order; one caller at a time.
  ///
  /// - Parameter cursor: 0 at first, then that of the last page.
  /// - Throws: `NodeError`: configuration (no such target here), limit, remote with the disk's errno, stopped.
  package func objects(
    ofTarget name: String, cursor: UInt64
  ) async throws(NodeError) -> ObjectPage {
    let operation = "object ls"
    guard let target = hosted.firstIndex(where: { $0.specification.name == name }),
      hosted[target].specification.kind == .ost
    else {
      throw NodeError(
        code: .configuration, operation: operation,
        explanation: "\(name) is no object target of this node: see target show")
    }
    let buffer = try await node.allocate(byteCount: 32 * Self.pageCount)
    let memory = buffer.ref
    let call = Call<ObjectPage>()
    let desk = desk
    let number = desk.makeNumber(
      stopped: { call.finish(.failure(.stopped(operation, nil))) }
    ) { event, roles, node in
      desk.forget(event.tag)
      let listing = roles.listing(ofTarget: target)
      guard listing.status == 0 else {
        return call.finish(.failure(NodeError(status: listing.status, operation, nil)))
      }
      let bytes = node.turn.memory.bytes(memory)
      var page = ObjectPage(objects: [], cursor: listing.cursor)
      for index in 0..<listing.count {
        let sequence = bytes.little(UInt64.self, at: 32 * index)
        let number = bytes.little(UInt64.self, at: 32 * index + 8)
        let object =
          sequence == 0
          ? ObjectID(number: number) : ObjectID(FID(sequence, UInt32(truncatingIfNeeded: number)))
        page.objects.append(
          ListedObject(
            object, byteCount: bytes.little(UInt64.self, at: 32 * index + 16),
            modificationTime: Int64(
              bitPattern: bytes.little(UInt64.self, at: 32 * index + 24))))
      }
      call.finish(.success(page))
    }
    do throws(NodeError) {
      let isBegun = try await withRoles(operation) { roles, _ in
        target < roles.targetCount
          && roles.listObjects(ofTarget: target, cursor: cursor, into: memory, tag: number)
      }
      guard isBegun else {
        throw NodeError(
          code: .limit, operation: operation,
          explanation: "the target is being listed for somebody else, or not open: try again")
      }
    } catch {
      desk.forget(number)
      throw error
    }
    let outcome = await call.outcome()
    // Until here the disk may have used it.
    _ = consume buffer
    return try outcome.get()
  }
}
