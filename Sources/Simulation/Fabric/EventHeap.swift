/// What is to happen, in the order of its time and, at one time, in the order in which it was added.
package struct EventHeap<Element> {
  private struct Entry {
    var time: UInt64
    var sequence: UInt64
    var element: Element

    func comesBefore(_ other: Entry) -> Bool {
      time != other.time ? time < other.time : sequence < other.sequence
    }
  }

  private var entries: [Entry] = []
  private var nextSequence: UInt64 = 0

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var nextTime: UInt64? { entries.first?.time }

  package mutating func add(_ element: Element, at time: UInt64) {
    entries.append(Entry(time: time, sequence: nextSequence, element: element))
    nextSequence += 1
    var index = entries.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard entries[index].comesBefore(entries[parent]) else { break }
      entries.swapAt(index, parent)
      index = parent
    }
  }

  package mutating func popFirst() -> (time: UInt64, element: Element)? {
    guard let last = entries.popLast() else { return nil }
    guard let first = entries.first else { return (last.time, last.element) }
    entries[0] = last
    var index = 0
    while true {
      let left = 2 * index + 1
      guard left < entries.count else { break }
      let right = left + 1
      let child =
        right < entries.count && entries[right].comesBefore(entries[left]) ? right : left
      guard entries[child].comesBefore(entries[index]) else { break }
      entries.swapAt(child, index)
      index = child
    }
    return (first.time, first.element)
  }
}

/// A first-in first-out list without a limit: what bounds it is the simulated device.
package struct Fifo<Element> {
  private var elements: [Element] = []
  private var head = 0

  package init() {}

  package var count: Int { elements.count - head }
  package var isEmpty: Bool { head == elements.count }
  package var first: Element? { head < elements.count ? elements[head] : nil }

  package subscript(index: Int) -> Element {
    get { elements[head + index] }
    set { elements[head + index] = newValue }
  }

  package mutating func append(_ element: Element) { elements.append(element) }

  package mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    head += 1
    if head > 32 && head * 2 > elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }
}
