package import LustreWire
internal import LNet
internal import RDMATransport

/// A service: where requests come in, and where their answers go (spec 10 §6.5).
package struct ServiceDescription: Equatable, BitwiseCopyable, Sendable {
  package var requestPortal: Portal
  package var replyPortal: Portal
  /// The longest request, in bytes; longer ones are dropped.
  package var requestByteCountMax: Int
  /// The most requests that are executed at a time; the others queue, but for urgent ones.
  package var activeCountMax: Int

  package init(
    _ requestPortal: Portal, _ replyPortal: Portal, requestByteCountMax: Int,
    activeCountMax: Int = 128
  ) {
    self.requestPortal = requestPortal
    self.replyPortal = replyPortal
    self.requestByteCountMax = requestByteCountMax
    self.activeCountMax = activeCountMax
  }

  /// The management server's.
  package static let mgs = ServiceDescription(
    .mgsRequest, .mgcReply, requestByteCountMax: 8 << 10)
  /// A metadata server's.
  package static let mds: [ServiceDescription] = [
    ServiceDescription(.mdsRequest, .mdcReply, requestByteCountMax: 66 << 10),
    ServiceDescription(.mdsReadPage, .mdcReply, requestByteCountMax: 6 << 10),
    ServiceDescription(.mdsIO, .mdcReply, requestByteCountMax: 66 << 10),
    ServiceDescription(.out, .oscReply, requestByteCountMax: 1000 << 10),
    ServiceDescription(.seqController, .mdcReply, requestByteCountMax: 4 << 10),
    ServiceDescription(.seqMetadata, .mdcReply, requestByteCountMax: 4 << 10),
    ServiceDescription(.fldRequest, .mdcReply, requestByteCountMax: 4 << 10),
  ]
  /// An object server's; its OUT portal is that of `mds` where a node is both.
  package static let ost: [ServiceDescription] = [
    ServiceDescription(.ostRequest, .oscReply, requestByteCountMax: 17 << 10),
    ServiceDescription(.ostCreate, .oscReply, requestByteCountMax: 17 << 10),
    ServiceDescription(.ostIO, .oscReply, requestByteCountMax: 1000 << 10),
    ServiceDescription(.seqData, .oscReply, requestByteCountMax: 4 << 10),
    ServiceDescription(.out, .oscReply, requestByteCountMax: 1000 << 10),
  ]
  /// Lock callbacks: runs on clients, and on servers that are clients of others.
  package static let lockCallback = ServiceDescription(
    .ldlmCallbackRequest, .ldlmCallbackReply, requestByteCountMax: 6 << 10)
  /// Lock cancels: runs on every server.
  package static let lockCancel = ServiceDescription(
    .ldlmCancelRequest, .ldlmCancelReply, requestByteCountMax: 6 << 10)
}

/// A service in its table.
struct ServiceRecord: BitwiseCopyable {
  var description: ServiceDescription
  var descriptor: DescriptorHandle
  /// Seconds that requests take here; 10 before the first one (spec 12 §2.1).
  var estimate = Estimator(initial: 10)
  /// Admitted requests that wait for their turn, oldest first: urgent ones, and the others.
  var urgent = SlotList()
  var waiting = SlotList()
  /// Requests that have had their turn and are not answered yet.
  var activeCount = 0

  init(description: ServiceDescription, descriptor: DescriptorHandle) {
    self.description = description
    self.descriptor = descriptor
  }
}

/// The ends of a list of slots.
struct SlotList: BitwiseCopyable {
  var first = noCell
  var last = noCell
}
