// One role on a storage account. The reason is kept with the assignment, where an auditor looks.
param storageAccountName string
param principalId string
param principalType string

@description('An entry of roles.json: role (its name), id and why.')
param role object

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, role.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.id)
    principalId: principalId
    principalType: principalType
    description: role.why
  }
}
