package import LNet
package import NodeCore
package import RDMATransport

/// A message that is sent again and again from one piece, each time when the wire is done with it.
package struct MessageBuffer {
  package let piece: BufferRef
  package let descriptor: DescriptorHandle

  /// - Parameters:
  ///   - byteCount: of the payload.
  ///   - tag: what the SEND events carry.
  package init?(byteCount: Int, tag: UInt64, _ node: inout NodeCore) {
    guard let piece = node.turn.memory.messages.allocatePiece() else { return nil }
    let payload = piece.part(offset: lndHeadroomByteCount, length: byteCount)
    let bound = try? node.lnet.bind(
      MemoryDescriptor(memory: payload, unlinksWhenExhausted: false, tag: tag))
    guard let bound else {
      node.turn.memory.release(piece)
      return nil
    }
    self.piece = piece
    descriptor = bound
  }
}
