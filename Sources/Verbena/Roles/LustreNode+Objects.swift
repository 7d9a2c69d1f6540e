internal import Connections
internal import LustreWire
internal import NodeCore
internal import RDMATransport
package import Roles
internal import Synchronization

/// A finished operation on an object: the memory, and what came of it.
package struct ObjectOutcome: ~Copyable, Sendable {
  /// The caller's memory, given back.
  package var buffer: BulkBuffer
  package let result: Result<ObjectResult, NodeError>

  /// The memory, for the next operation.
  package consuming func takeBuffer() -> BulkBuffer { buffer }
}

extension LustreNode {
  /// Reads or writes an object's bytes: as many as the buffer has, or its first `byteCount`.
  ///
  /// - Parameters:
  ///   - wish: what to do; its memory is the buffer's.
  ///   - buffer: consumed, and given back when the wire is done with it.
  package func object(
    _ wish: ObjectWish, _ buffer: consuming BulkBuffer, byteCount: Int? = nil, on owner: Import
  ) async -> ObjectOutcome {
    var wish = wish
    wish.memory = buffer.ref.part(offset: 0, length: byteCount ?? buffer.byteCount)
    do throws(NodeError) {
      return ObjectOutcome(buffer: buffer, result: .success(try await object(wish, on: owner)))
    } catch { return ObjectOutcome(buffer: buffer, result: .failure(error)) }
  }

  /// Does something to an object of a target, and waits for the end: PtlRPC's deadlines hold.
  ///
  /// - Throws: `NodeError`: limit, remote with the target's errno, stopped.
  package func object(
    _ wish: ObjectWish, on owner: Import
  ) async throws(NodeError) -> ObjectResult {
    let call = Call<ObjectResult>()
    let desk = desk
    let operation = "object \(wish.action)"
    let number = desk.makeNumber { event, roles, _ in
      let result = roles.objects.result(Int(event.index))
      roles.objects.release(Int(event.index))
      desk.forget(event.tag)
      call.finish(
        result.status == 0
          ? .success(result) : .failure(NodeError(status: result.status, operation, nil)))
    }
    let handle = owner.handle
    let isBegun: Bool
    do throws(NodeError) {
      isBegun = try await withRoles(operation) { roles, node in
        guard node.connections.view(handle) != nil else { return false }
        return roles.startObject(wish, on: handle, tag: number, &node) != nil
      }
    } catch {
      desk.forget(number)
      throw error
    }
    guard isBegun else {
      desk.forget(number)
      throw NodeError(
        code: .limit, operation: operation,
        explanation: "too many operations on objects are under way, or the import is gone")
    }
    return try await call.outcome().get()
  }
}
