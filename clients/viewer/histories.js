"use strict";
// The histories of an export's items and of its case, checked from docs/formats/export.md §5 and log.md §5: each event
// in the signed tree, each after the one before it, none left out up to the one that the export was asked for with.
const Histories = (() => {
  const { Wrong, bytes, hex, hash, fromHex, proofParts, included, leadsTo } = Checks;
  // Events that an export holds of an item or a case, the latest: only then may earlier ones be left out.
  const MOST_EVENTS = 20000;
  const CASE = "the case";

  // Of an event that names what is not open to whoever asked there is the leaf's hash alone; only a case has such.
  // `hear` is given each event that is shown.
  function chain(subject, about, line, proof, note, found, hear) {
    let before = null;
    proof.events.forEach((one, place) => {
      const where = `event ${place + 1} of ${about}`;
      const parts = proofParts(one.proof, where);
      if (parts.note !== note) throw new Wrong(`${where} leads to another head than custody/checkpoint`);
      if (one.hash !== undefined && about === CASE) {
        if (Object.keys(one).length !== 2) throw new Wrong(`${where} is closed, and says something all the same`);
        leadsTo(fromHex(one.hash), parts, found, where);
        before = one.hash;
        return;
      }
      const leaf = included(one.leaf, parts, found, where);
      const { event, chains } = JSON.parse(one.leaf);
      const link = chains.find((each) => each.subject === subject);
      if (!link) throw new Wrong(`${where} is not about it`);
      if (link.seq !== line.first + place || (place > 0 && link.prev !== before)) {
        throw new Wrong(`${where} does not follow the one before it: something was left out between`);
      }
      if (one.detail !== null && hex(hash(fromHex(one.salt), bytes(one.detail))) !== event.detail) {
        throw new Wrong(`${where}: its detail is not what the event committed to`);
      }
      before = hex(leaf);
      hear(event);
    });
    if (proof.events.length !== line.count) throw new Wrong(`${about}: its events are not as many as the export says`);
    if (line.first !== 0 && (line.first < 0 || proof.events.length < MOST_EVENTS)) {
      throw new Wrong(`the history of ${about} begins with event ${line.first}: earlier ones are left out`);
    }
  }

  // Whether the event asks for this export; then it has to be by whom, when and in which version the export says.
  function asksFor(event, said) {
    if (event.type !== "export.asked" || !event.subjects.some(({ kind, id }) => kind === "export" && id === said.export)) return false;
    if (event.agent !== said.asked_by || event.time !== said.asked_at) throw new Wrong("the export says otherwise than the log who asked for it, or when");
    const version = event.digests.format_sha256;
    if (version !== undefined && version !== hex(hash(bytes(said.v)))) throw new Wrong("the export is of another version than the log says was asked for");
    return true;
  }

  const ids = (event, wanted) => event.subjects.filter(({ kind }) => kind === wanted).map(({ id }) => id);

  // The digests of the copies made of an item, and the items that this export was asked for with.
  function ofItem(line, proof, note, found, said) {
    const { item, events } = line;
    const [named, ingested, made] = [new Set(), new Set(), new Set()];
    chain(item, item, events, proof, note, found, (event) => {
      if (asksFor(event, said)) for (const id of ids(event, "item")) named.add(id);
      if (event.type === "item.ingested") ingested.add(event.digests.sha256);
      if (event.type === "rendition.made") made.add(event.digests.sha256);
    });
    if (named.size === 0) throw new Wrong(`the history of ${item} ends before the export: events were left out`);
    if (events.first === 0 && !(ingested.size === 1 && ingested.has(line.sha256))) {
      throw new Wrong(`${item} was ingested with another digest than the export names`);
    }
    return { made, named };
  }

  // The case's own chain: what was linked when the export was asked for, and what of it is not in the export.
  function ofCase(proof, note, found, said) {
    const line = said.case_events;
    if (proof.case !== said.subject) throw new Wrong("the history of the case is of another case");
    const [live, named, others] = [new Map(), new Set(), new Set()];
    let linked = new Set();
    let made = 0;
    let withdrawn = 0;
    chain(said.subject, CASE, line, proof, note, found, (event) => {
      if (event.type === "link.made") { live.set(ids(event, "link")[0], ids(event, "item")[0]); made += 1; }
      if (event.type === "link.withdrawn") { live.delete(ids(event, "link")[0]); withdrawn += 1; }
      if (event.type === "case.moved") for (const id of ids(event, "case")) if (id !== said.subject) others.add(id);
      if (asksFor(event, said)) {
        for (const id of ids(event, "item")) named.add(id);
        linked = new Set(live.values());
      }
    });
    if (named.size === 0) throw new Wrong("the history of the case ends before the export: events were left out");
    const listed = [...said.items, ...said.disposed].map(({ item }) => item);
    if (listed.length !== named.size || listed.some((item) => !named.has(item))) {
      throw new Wrong("the export has another list of items than the case was asked for with");
    }
    if (line.first === 0 && listed.some((item) => !linked.has(item))) {
      throw new Wrong("the export has items that were not linked to the case when it was asked for");
    }
    const closed = proof.events.filter((one) => one.hash !== undefined);
    if (closed.length !== line.closed) throw new Wrong("the export counts the events of the case otherwise than its proof");
    const beyond = [...linked].filter((item) => !named.has(item)).sort();
    return { events: proof.events.length, made, withdrawn, beyond, others: [...others].sort(), closed };
  }

  return { ofItem, ofCase };
})();
