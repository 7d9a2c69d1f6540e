internal import BasicContainers
package import LustreWire
package import RDMATransport
internal import Structures

/// A PUT that a consumer asks for: the whole descriptor goes.
package struct PutRequest: BitwiseCopyable, Sendable {
  package var descriptor: DescriptorHandle
  package var target: ProcessID
  package var portal: Portal
  package var matchBits: UInt64
  package var offset: UInt32
  package var headerData: UInt64
  package var wantsAcknowledge: Bool
  /// The interface that it must leave by, and then exactly to the target's NID; nil for any way.
  package var interface: UInt8?

  package init(
    descriptor: DescriptorHandle, target: ProcessID, portal: Portal, matchBits: UInt64,
    offset: UInt32 = 0, headerData: UInt64 = 0, wantsAcknowledge: Bool = false,
    interface: UInt8? = nil
  ) {
    self.descriptor = descriptor
    self.target = target
    self.portal = portal
    self.matchBits = matchBits
    self.offset = offset
    self.headerData = headerData
    self.wantsAcknowledge = wantsAcknowledge
    self.interface = interface
  }
}

/// A GET that a consumer asks for: the whole descriptor is the sink.
package struct GetRequest: BitwiseCopyable, Sendable {
  package var descriptor: DescriptorHandle
  package var target: ProcessID
  package var portal: Portal
  package var matchBits: UInt64
  package var offset: UInt32
  /// Whether less than the whole sink may come. Then it must come as a message: an RDMA GET of a real node
  /// loses a short answer (spec 02 §6.4).
  package var mayBeShort: Bool
  /// The interface that it must leave by, and then exactly to the target's NID; nil for any way.
  package var interface: UInt8?

  package init(
    descriptor: DescriptorHandle, target: ProcessID, portal: Portal, matchBits: UInt64,
    offset: UInt32 = 0, mayBeShort: Bool = false, interface: UInt8? = nil
  ) {
    self.descriptor = descriptor
    self.target = target
    self.portal = portal
    self.matchBits = matchBits
    self.offset = offset
    self.mayBeShort = mayBeShort
    self.interface = interface
  }
}

/// The most payload of a message that a driver sends in one piece (spec 02 §6.1).
package var immediatePayloadByteCountMax: Int { 3976 }

extension LNet {
  /// Sends a descriptor's bytes. `send` follows, and `acknowledge` when one was asked for and comes.
  package mutating func put(_ request: PutRequest, turn: inout Turn) throws(LNetError) {
    let index = try usable(request.descriptor, operations: request.wantsAcknowledge ? 2 : 1)
    let memory = descriptors[index].memory
    precondition(
      memory.isBulk || memory.length == 0
        || (Int(memory.offset) >= lndHeadroomByteCount
          && Int(memory.length) <= immediatePayloadByteCountMax),
      "a message piece that is sent has headroom")
    guard memory.isBulk || memory.length == 0 || !isSending(from: index) else { throw .busy }
    let route = try route(to: request.target.nid, by: request.interface, turn: &turn)
    try put(request, from: index, route, turn: &turn)
  }

  mutating func put(
    _ request: PutRequest, from index: Int, _ route: Route, turn: inout Turn
  ) throws(LNetError) {
    let memory = descriptors[index].memory
    let handle = WireHandle(
      interfaceCookie: interfaceCookie, objectCookie: descriptors[index].id)
    let body = LNetBody.put(
      LNetPut(
        acknowledgeHandle: request.wantsAcknowledge ? handle : .none,
        matchBits: request.matchBits, headerData: request.headerData, portal: request.portal,
        offset: request.offset))
    let header = LNetHeader(
      destination: ProcessID(nid: route.nid, pid: request.target.pid),
      source: ProcessID(nid: source(of: route)), payloadLength: memory.length, body: body)
    let message = LNDMessage(
      id: .none, interface: route.interface, peer: route.nid, header: header,
      payload: memory.length == 0 ? .none : memory)
    var record = MessageRecord(
      message: message, kind: .put, deadline: turn.now &+ transactionTimeout,
      descriptor: UInt32(index), hop: route.hop)
    record.isFixed = request.interface != nil
    try begin(record, route, expects: request.wantsAcknowledge, turn: &turn)
  }

  /// Asks for a peer's bytes. `send` and `reply` follow, in any order.
  package mutating func get(_ request: GetRequest, turn: inout Turn) throws(LNetError) {
    let index = try usable(request.descriptor, operations: 2)
    let memory = descriptors[index].memory
    precondition(
      memory.isBulk || Int(memory.length) <= immediatePayloadByteCountMax,
      "what is longer than a message comes into bulk memory")
    guard memory.isBulk || !isSending(from: index) else { throw .busy }
    let route = try route(to: request.target.nid, by: request.interface, turn: &turn)
    try get(request, into: index, route, turn: &turn)
  }

  mutating func get(
    _ request: GetRequest, into index: Int, _ route: Route, isRecovery: Bool = false,
    turn: inout Turn
  ) throws(LNetError) {
    let memory = descriptors[index].memory
    let isShort = Int(memory.length) <= immediatePayloadByteCountMax
    let body = LNetBody.get(
      LNetGet(
        returnHandle: WireHandle(
          interfaceCookie: interfaceCookie, objectCookie: descriptors[index].id),
        matchBits: request.matchBits, portal: request.portal, sourceOffset: request.offset,
        sinkLength: memory.length))
    let header = LNetHeader(
      destination: ProcessID(nid: route.nid, pid: request.target.pid),
      source: ProcessID(nid: source(of: route)), payloadLength: 0, body: body)
    let message = LNDMessage(
      id: .none, interface: route.interface, peer: route.nid, header: header,
      sink: isShort || request.mayBeShort ? .none : memory)
    var record = MessageRecord(
      message: message, kind: .get, deadline: turn.now &+ transactionTimeout,
      descriptor: UInt32(index), hop: route.hop)
    record.isFixed = request.interface != nil || isRecovery
    record.isRecovery = isRecovery
    try begin(record, route, expects: true, turn: &turn)
  }

  /// Counts the operation, and sends or parks the message.
  @inline(__always)
  private mutating func begin(
    _ record: MessageRecord, _ route: Route, expects: Bool, turn: inout Turn
  ) throws(LNetError) {
    if route.parks && parkedCount >= limits.parkedMessages { throw .busy }
    guard outbox.freeCapacity > 0, let handle = insert(record) else { throw .busy }
    let index = Int(record.descriptor)
    messages.cells[messages.slot(handle)].responseCountBefore = descriptors[index].responseCount
    count(operationOn: index)
    descriptors.cells[index].message = handle
    if expects {
      if record.kind == .get {
        descriptors.cells[index].expectedReplies += 1
      } else {
        descriptors.cells[index].expectedAcknowledgements += 1
      }
      descriptors.cells[index].responder = route.nid
      expectResponse(descriptor: index, turn: &turn)
    }
    if route.parks {
      park(handle, turn: &turn)
    } else {
      dispatch(handle, turn: &turn)
    }
  }

  /// The descriptor, if it may begin an operation that counts `operations` times.
  private mutating func usable(
    _ handle: DescriptorHandle, operations: Int32
  ) throws(LNetError) -> Int {
    guard let index = find(handle) else { throw .unknownHandle }
    guard descriptors[index].entry == noCell, !descriptors[index].isInPlace else {
      throw .unknownHandle
    }
    let threshold = descriptors[index].threshold
    guard !descriptors[index].isAborted, threshold < 0 || threshold >= operations,
      descriptors[index].expectedReplies < .max,
      descriptors[index].expectedAcknowledgements < .max
    else { throw .exhausted }
    guard descriptors[index].length <= LNetLimits.maximumPayloadBytes else { throw .tooLong }
    return index
  }

  /// Whether a PUT from this descriptor is under way. In message memory its header stands in the headroom,
  /// where a second one would overwrite it; so that the last message is that PUT, no GET begins meanwhile.
  @inline(__always)
  private mutating func isSending(from index: Int) -> Bool {
    let message = descriptors[index].message
    return messages.contains(message) && messages[message].kind == .put
  }

  @inline(__always)
  func source(of route: Route) -> NID {
    route.nid == .loopback ? .loopback : interfaces[Int(route.interface)].nid
  }

  /// Delivers a message to ourselves.
  mutating func loop(_ handle: Handle, turn: inout Turn) {
    counters.loopbackMessages += 1
    let message = messages[handle].message
    let reception = Reception(
      carrier: .local, interface: message.interface, id: ReceptionID(raw: .none), message: handle,
      peer: .loopback, sender: .none, header: message.header, payload: message.payload)
    let answer = deliver(reception, turn: &turn)
    settle(reception, answer, turn: &turn)
  }
}
