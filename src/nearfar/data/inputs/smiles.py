"""SMILES strings read by rdkit: molecules, what makes two rows copies, scaffolds."""

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

LARGEST = 1000
"""Atoms of a molecule: some of RDKit's descriptors take minutes with as many (time ~ atoms⁴)."""
_LONGEST = 20_000
"""Characters: RDKit's recursion ends the whole process at some ten times as many atoms."""
_SHOWN = 60
_GROUP_ONE_AND_TWO = frozenset({3, 4, 11, 12, 19, 20, 37, 38, 55, 56})
_TETRAHEDRAL = 2
"""Chiral tags of RDKit up to this are clockwise, counter-clockwise or none."""
_HALOGENS = frozenset({9, 17, 35, 53})
_NON_METALS = frozenset(
    {0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85, 86}
)


def read_smiles(text: str) -> Any:
    """Return the rdkit molecule of a SMILES or an InChI; rdkit's log stays silent meanwhile.

    Its atoms and bonds have a canonical order and no atom maps: all spellings of one molecule give
    one object, so that what is computed from it is equal to the last bit. Text after a space is a
    CXSMILES extension, which rdkit reads, or a name, which is left out.

    Raises:
        ValueError: if the string is no molecule, one without atoms, or too large; says why.
    """
    from rdkit import rdBase

    if len(text) > _LONGEST:
        raise ValueError(
            f"SMILES {_short(text)} cannot be read: it has {len(text)} characters, "
            f"allowed are {_LONGEST}"
        )
    with rdBase.BlockLogs():
        molecule = _parsed(text)
        if molecule is None or molecule.GetNumAtoms() == 0:
            raise ValueError(f"{_kind(text)} {_short(text)} cannot be read{_why_not(text)}")
    if molecule.GetNumAtoms() > LARGEST:
        raise ValueError(
            f"{_kind(text)} {_short(text)} cannot be used: it has {molecule.GetNumAtoms()} atoms, "
            f"allowed are {LARGEST}"
        )
    with rdBase.BlockLogs():
        return _in_canonical_order(molecule)


def _in_canonical_order(molecule: Any) -> Any:
    """Return the molecule as read from its canonical SMILES.

    The stereochemistry of atoms with more than four neighbours, or four in a plane, is left out:
    RDKit numbers it by the order of the neighbours and has no canonical form of it.
    """
    from rdkit import Chem

    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
        if int(atom.GetChiralTag()) > _TETRAHEDRAL:
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    ordered = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
    order = list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    hydrogens = _hydrogens(molecule)
    if ordered is not None and _hydrogens(ordered) == [hydrogens[place] for place in order]:
        return ordered
    # An open place in an aromatic ring leaves open in the text which bonds are double.
    return Chem.RenumberAtoms(molecule, order)


def _hydrogens(molecule: Any) -> list[int]:
    return [atom.GetTotalNumHs() for atom in molecule.GetAtoms()]


def is_inchi(text: str) -> bool:
    """Tell whether a text is an InChI rather than a SMILES."""
    return text.startswith("InChI=")


def _parsed(text: str) -> Any:
    from rdkit import Chem

    if is_inchi(text):
        from_inchi: Any = Chem.MolFromInchi
        return from_inchi(text, logLevel=None)
    params: Any = Chem.SmilesParserParams()
    params.strictCXSMILES = False
    return Chem.MolFromSmiles(text, params)


def _kind(text: str) -> str:
    return "InChI" if is_inchi(text) else "SMILES"


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def _why_not(text: str) -> str:
    """Return what is wrong with a string that is no molecule, with a colon before it, or ""."""
    from rdkit import Chem

    if not text.strip():
        return ": it is empty"
    if is_inchi(text):
        return ""
    if text.replace("->", "").replace("<-", "").count(">") == 2:
        return ": it is a reaction, not one molecule"
    loose: Any = Chem.SmilesParserParams()
    loose.sanitize = loose.strictCXSMILES = False
    molecule = Chem.MolFromSmiles(text, loose)
    problems = Chem.DetectChemistryProblems(molecule) if molecule is not None else ()
    if problems:
        return f": {' '.join(problems[0].Message().split())}"
    if re.search(r"\[?R\d*(?![a-z])", text.split()[0]):
        return ": R is no element; an open place is written *"
    return ""


def canonical(molecule: Any) -> str:
    """Return the canonical SMILES, equal for equal molecules."""
    from rdkit import Chem

    return str(Chem.MolToSmiles(molecule))


def identity(molecule: Any) -> str:
    """Return what is equal for two molecules of which one is a copy of the other.

    Atom maps, isotopes, explicit hydrogens and stereochemistry do not count (fingerprints and
    descriptors do not see it), nor where the protons of a salt or a zwitterion are written, nor
    whether a bond to a metal is written as charges: an encoder learns one of the two from the
    other. Tautomers and salts with other counter-ions are no copies.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        plain = _without_marks(molecule)
        with suppress(ValueError, RuntimeError):
            plain = _uncharged(plain)
        flat = Chem.Mol(plain)
        Chem.RemoveStereochemistry(flat)
        return str(Chem.MolToSmiles(flat))


def _without_marks(molecule: Any) -> Any:
    """Return the molecule without atom maps, isotopes and the hydrogens that these had kept."""
    from rdkit import Chem

    marked = [atom for atom in molecule.GetAtoms() if atom.GetAtomMapNum() or atom.GetIsotope()]
    hydrogens = any(atom.GetAtomicNum() == 1 for atom in molecule.GetAtoms())
    if not marked and not hydrogens:
        return molecule
    plain = Chem.Mol(molecule)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetIsotope(0)
    if hydrogens:
        plain = Chem.RemoveHs(plain, sanitize=False)
        plain.UpdatePropertyCache(strict=False)
    return plain


def _uncharged(molecule: Any) -> Any:
    """Return the molecule with bonds to metals as charges, and protons where these leave none."""
    from rdkit.Chem.MolStandardize import rdMolStandardize

    atoms = list(molecule.GetAtoms())
    if any(atom.GetAtomicNum() not in _NON_METALS for atom in atoms):
        molecule = rdMolStandardize.MetalDisconnector().Disconnect(_halides_parted(molecule))
    if any(atom.GetFormalCharge() for atom in atoms):
        molecule = rdMolStandardize.Uncharger(canonicalOrder=True).uncharge(molecule)
    return molecule


def _halides_parted(molecule: Any) -> Any:
    """Return the molecule with ``[Na]Cl`` as ``[Na+].[Cl-]``, which MolStandardize leaves."""
    from rdkit import Chem

    edited = Chem.RWMol(molecule)
    for bond in molecule.GetBonds():
        ends = [bond.GetBeginAtom(), bond.GetEndAtom()]
        ends.sort(key=lambda atom: atom.GetAtomicNum() in _HALOGENS)
        metal, halogen = (edited.GetAtomWithIdx(atom.GetIdx()) for atom in ends)
        numbers = metal.GetAtomicNum(), halogen.GetAtomicNum()
        if numbers[0] in _GROUP_ONE_AND_TWO and numbers[1] in _HALOGENS:
            edited.RemoveBond(metal.GetIdx(), halogen.GetIdx())
            metal.SetFormalCharge(metal.GetFormalCharge() + 1)
            halogen.SetFormalCharge(halogen.GetFormalCharge() - 1)
            metal.SetNoImplicit(True)
            halogen.SetNoImplicit(True)
    edited.UpdatePropertyCache(strict=False)
    return edited.GetMol()


def scaffolds(smiles: Sequence[str]) -> tuple[str, ...]:
    """Return the Bemis–Murcko scaffold of every molecule, "" for one without rings.

    The scaffold is the ring systems and the chains that join them, without side chains and without
    stereochemistry, atom maps and isotopes (G. W. Bemis, M. A. Murcko, J. Med. Chem. 39 (1996)
    2887–2893).

    Raises:
        ValueError: naming the first string that is no molecule.
    """
    return _scaffolds(tuple(smiles))


@lru_cache(maxsize=4)
def _scaffolds(smiles: tuple[str, ...]) -> tuple[str, ...]:
    """Every seed splits the same molecules, so their scaffolds are kept."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_of: Any = MurckoScaffold.GetScaffoldForMol
    found = []
    for text in smiles:
        molecule = read_smiles(text)
        with rdBase.BlockLogs():
            scaffold = scaffold_of(_without_marks(molecule))
            found.append(str(Chem.MolToSmiles(scaffold, isomericSmiles=False)))
    return tuple(found)
