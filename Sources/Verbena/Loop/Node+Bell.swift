internal import LNet
internal import NodeCore
internal import Structures

extension Node {
  /// Tells the program on the node's loop that something waits for it: it receives an empty event with this tag.
  ///
  /// - Parameter tag: one of the program's own, below 2⁶².
  /// - Returns: false when the node has stopped.
  @discardableResult
  package func ring(tag: UInt64) -> Bool {
    inbox.send { node, _ in _ = node.lnet.events.append(LNetEvent(kind: .send, tag: tag)) }
  }
}
