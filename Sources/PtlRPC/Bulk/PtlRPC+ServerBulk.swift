internal import BasicContainers
internal import LNet
package import LustreWire
package import RDMATransport
internal import Structures

/// A bulk transfer that a handler asks for (spec 13 §1, §3).
package struct TransferDescription: Equatable, BitwiseCopyable, Sendable {
  package enum Direction: UInt8, BitwiseCopyable, Sendable {
    /// The client's data comes here.
    case get
    /// Our data goes to the client.
    case put
  }

  package var direction: Direction
  package var portal: Portal
  /// Bulk memory: what is sent, or where the data shall lie. It is lent until `transferred`.
  package var memory: BufferRef
  /// How far into its page the first byte lies in the file, as the client has cut.
  package var pageOffset: UInt32
  /// `max_brw` of the request, a power of two; 1 for what is not BRW.
  package var operationLimit: Int

  package init(
    _ direction: Direction, portal: Portal, memory: BufferRef, pageOffset: UInt32 = 0,
    operationLimit: Int = 1
  ) {
    self.direction = direction
    self.portal = portal
    self.memory = memory
    self.pageOffset = pageOffset
    self.operationLimit = operationLimit
  }

  static var none: TransferDescription {
    TransferDescription(.get, portal: .reserved, memory: .none)
  }

  var cut: BulkCut { BulkCut(byteCount: Int(memory.length), pageOffset: Int(pageOffset)) }
}

/// Why a transfer cannot begin: the request contradicts itself (spec 13 §3, §4).
package enum TransferError: Error, Equatable, BitwiseCopyable, Sendable {
  /// The operation limit is no power of two, or allows fewer operations than the match bits name.
  case operationLimit
  /// The match bits name fewer operations than the data takes, or for a GET more.
  case operationCount
}

// The server's side of bulk: it moves the data while it executes the request (spec 13 §1).
extension PtlRPC {
  /// Moves the data of a request. `transferred` follows; then the memory is the handler's again.
  package mutating func transfer(
    _ handle: ServerRequestHandle, _ description: TransferDescription, turn: inout Turn
  ) throws(TransferError) {
    let slot = slot(of: handle)
    precondition(
      serverRequests.cells[slot].state == .active && !serverRequests.cells[slot].isTransferring)
    precondition(serverRequests.cells[slot].liveBulkCount == 0, "the last transfer is not over")
    let received = serverRequests.cells[slot].received
    // Those of the last sending: the client has taken back what lay open for earlier ones.
    let matchBits = serverRequests.cells[slot].matchBits
    let last = matchBits != 0 ? matchBits : received.xid
    guard let bits = BulkMatchBits(last: last, operationLimit: description.operationLimit) else {
      throw .operationLimit
    }
    let cut = description.cut
    guard description.direction == .put ? cut.count <= bits.count : cut.count == bits.count else {
      throw .operationCount
    }
    serverRequests.cells[slot].transfer = description
    serverRequests.cells[slot].bulkMatchBits = bits
    serverRequests.cells[slot].startedCount = 0
    serverRequests.cells[slot].bulkStatus = 0
    serverRequests.cells[slot].isTransferring = true
    let limit = turn.now &+ UInt64(adaptive.bulkTimeout) * nanosecondsPerSecond
    serverRequests.cells[slot].bulkLimit = limit
    serverRequests.cells[slot].bulkDeadline = min(limit, received.deadline)
    armEarlyReply(slot, turn: &turn)
    queue(serverRequest: slot)
  }

  /// Starts what is not started yet; false when there is no place for more now.
  mutating func transfer(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    let description = serverRequests.cells[slot].transfer
    let cut = description.cut
    let bits = serverRequests.cells[slot].bulkMatchBits
    while serverRequests.cells[slot].startedCount < bits.count,
      serverRequests.cells[slot].bulkStatus == 0
    {
      let index = serverRequests.cells[slot].startedCount
      let range = cut.range(of: index)
      guard lnet.hasRoom, let cell = takeCell(owner: slot, length: range.count) else {
        return false
      }
      let memory = description.memory.part(offset: range.lowerBound, length: range.count)
      do throws(LNetError) {
        let descriptor = try lnet.bind(
          MemoryDescriptor(memory: memory, threshold: 2, tag: RPCTag(.serverBulk, cell).raw))
        cells.cells[cell].descriptor = descriptor
        // It counts from now on: refused, its descriptor ends with an event all the same.
        cells.cells[cell].next = serverRequests.cells[slot].firstCell
        serverRequests.cells[slot].firstCell = UInt32(cell)
        serverRequests.cells[slot].liveBulkCount += 1
        try start(slot, descriptor, bits.first + UInt64(index), lnet: &lnet, turn: &turn)
      } catch {
        if cells[cell].descriptor.isNone {
          cells.give(cell)
          return false
        }
        try? lnet.unlink(cells[cell].descriptor, turn: &turn)
        cells.cells[cell].isAnswered = error == .busy
        if error == .busy { return false }
        noteFailure(slot, WireErrno.ehostunreach.status)
        break
      }
      serverRequests.cells[slot].startedCount += 1
    }
    finishTransferIfComplete(slot, turn: &turn)
    return true
  }

  private mutating func start(
    _ slot: Int, _ descriptor: DescriptorHandle, _ matchBits: UInt64, lnet: inout LNet,
    turn: inout Turn
  ) throws(LNetError) {
    let received = serverRequests.cells[slot].received
    let interface: UInt8? = received.source.nid == .loopback ? nil : received.interface
    switch serverRequests.cells[slot].transfer.direction {
    case .put:
      try lnet.put(
        PutRequest(
          descriptor: descriptor, target: received.source,
          portal: serverRequests.cells[slot].transfer.portal, matchBits: matchBits,
          wantsAcknowledge: true, interface: interface), turn: &turn)
    case .get:
      try lnet.get(
        GetRequest(
          descriptor: descriptor, target: received.source,
          portal: serverRequests.cells[slot].transfer.portal, matchBits: matchBits,
          interface: interface), turn: &turn)
    }
  }

  /// LNet reports of an operation.
  mutating func serverBulkMoved(_ cell: Int, _ event: LNetEvent, turn: inout Turn) {
    let slot = Int(cells[cell].owner)
    switch event.kind {
    case .reply, .acknowledge:
      counters.bulkOperations += 1
      if event.status < 0 {
        noteFailure(slot, event.status)
      } else if event.movedLength != cells[cell].length {
        // Cut short: the client gets no answer, and asks again (spec 13 §5.6).
        noteFailure(slot, WireErrno.eio.status)
      } else {
        counters.bulkBytes += UInt64(event.movedLength)
      }
      cells.cells[cell].isAnswered = true
    case .send, .unlink:
      if event.status < 0, !cells[cell].isAnswered { noteFailure(slot, event.status) }
    case .put, .get, .pinged, .discovered: break
    }
    guard event.isUnlinked else { return }
    if !cells[cell].isAnswered { noteFailure(slot, WireErrno.eio.status) }
    cells.cells[cell].descriptor = .none
    serverRequests.cells[slot].liveBulkCount -= 1
    if serverRequests.cells[slot].isTransferring {
      finishTransferIfComplete(slot, turn: &turn)
    } else if serverRequests.cells[slot].state == .leaving {
      queue(serverRequest: slot)
    }
  }

  /// The first failure is the one that is told.
  private mutating func noteFailure(_ slot: Int, _ status: Int32) {
    if serverRequests.cells[slot].bulkStatus == 0 { serverRequests.cells[slot].bulkStatus = status }
  }

  /// Tells the handler, once nothing of the transfer is on the wire: all is done, or one operation has failed.
  private mutating func finishTransferIfComplete(_ slot: Int, turn: inout Turn) {
    let request = serverRequests.cells[slot]
    guard request.isTransferring else { return }
    if request.bulkStatus < 0, request.liveBulkCount > 0 {
      queue(serverRequest: slot)
      return
    }
    guard request.liveBulkCount == 0,
      request.startedCount == request.bulkMatchBits.count || request.bulkStatus < 0
    else { return }
    if request.bulkStatus < 0 { counters.bulkFailures += 1 }
    freeCells(from: request.firstCell)
    serverRequests.cells[slot].firstCell = noCell
    serverRequests.cells[slot].isTransferring = false
    serverRequests.cells[slot].bulkDeadline = .max
    armEarlyReply(slot, turn: &turn)
    events.append(
      RPCEvent(
        .transferred, serverRequests.handle(slot), status: request.bulkStatus,
        tag: request.service))
  }

  /// A transfer's time is over, or its request is dropped.
  mutating func endTransfer(_ slot: Int, status: Int32, turn: inout Turn) {
    guard serverRequests.cells[slot].isTransferring else { return }
    let request = serverRequests.cells[slot]
    let deadline = min(request.bulkLimit, request.received.deadline)
    if deadline > turn.now {
      // An early reply has moved it.
      serverRequests.cells[slot].bulkDeadline = deadline
      return
    }
    serverRequests.cells[slot].bulkDeadline = .max
    noteFailure(slot, status)
    if request.liveBulkCount == 0 {
      finishTransferIfComplete(slot, turn: &turn)
    } else {
      queue(serverRequest: slot)
    }
  }

  /// Where the request's bulk is now: another number says that it was sent again.
  package mutating func matchBits(of handle: ServerRequestHandle) -> UInt64 {
    serverRequests.cells[slot(of: handle)].matchBits
  }

  /// A client has connected anew, or has left: what it had laid open before is gone (spec 13 §5.6). The transfers of its
  /// requests end with -ENOTCONN.
  package mutating func abortTransfers(ofExport export: UInt32, turn: inout Turn) {
    var slot = inProgress[Int(export)]
    while slot != noCell {
      abortTransfer(Int(slot), turn: &turn)
      slot = serverRequests.cells[Int(slot)].nextInProgress
    }
  }

  /// Ends the transfer of a request; `transferred` follows with an error when its memory is free.
  package mutating func abortTransfer(_ handle: ServerRequestHandle, turn: inout Turn) {
    abortTransfer(slot(of: handle), turn: &turn)
  }

  mutating func abortTransfer(_ slot: Int, turn: inout Turn) {
    guard serverRequests.cells[slot].isTransferring else { return }
    noteFailure(slot, WireErrno.enotconn.status)
    finishTransferIfComplete(slot, turn: &turn)
  }

  /// Takes back what a failed transfer has on the wire; false when LNet has no room for its events.
  mutating func takeBackTransfer(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    guard serverRequests.cells[slot].liveBulkCount > 0 else { return true }
    var cell = serverRequests.cells[slot].firstCell
    while cell != noCell {
      guard lnet.hasRoom else { return false }
      let next = cells[Int(cell)].next
      if !cells[Int(cell)].descriptor.isNone {
        try? lnet.unlink(cells[Int(cell)].descriptor, turn: &turn)
      }
      cell = next
    }
    return true
  }
}
